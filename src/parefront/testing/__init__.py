"""Conformance suites for what others add (compressors, samplers, devices, evaluators), and small networks to test with.

Subclass a suite in a test module of pytest's and give the one fixture it asks for; importing this needs no pytest.
"""

from .compressors import CompressorConformance
from .devices import DeviceConformance
from .evaluators import EvaluatorConformance
from .networks import NETWORKS, concat, depthwise, plain, random_images, residual
from .samplers import SamplerConformance
from .specimen import Specimen, specimen

__all__ = [
    "NETWORKS",
    "CompressorConformance",
    "DeviceConformance",
    "EvaluatorConformance",
    "SamplerConformance",
    "Specimen",
    "concat",
    "depthwise",
    "plain",
    "random_images",
    "residual",
    "specimen",
]
