"""Conformance suites for what others add (compressors, samplers, devices, evaluators, metrics), and small networks.

Subclass a suite in a test module of pytest's and give the fixtures it asks for; importing this needs no pytest.
"""

from .compressors import CompressorConformance
from .devices import DeviceConformance
from .evaluators import EvaluatorConformance
from .metrics import MetricConformance
from .networks import NETWORKS, concat, depthwise, plain, random_images, residual
from .samplers import SamplerConformance
from .specimen import Specimen, specimen

__all__ = [
    "NETWORKS",
    "CompressorConformance",
    "DeviceConformance",
    "EvaluatorConformance",
    "MetricConformance",
    "SamplerConformance",
    "Specimen",
    "concat",
    "depthwise",
    "plain",
    "random_images",
    "residual",
    "specimen",
]
