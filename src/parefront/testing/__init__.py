"""Conformance suites for what others add, and small networks to test with.

For compressors, repairs, samplers, devices, evaluators and metrics: subclass a suite in a test module of pytest's, and
give the fixtures it asks for. Importing this needs no pytest.
"""

from .compressors import CompressorConformance
from .devices import DeviceConformance
from .evaluators import EvaluatorConformance
from .metrics import MetricConformance
from .networks import NETWORKS, concat, depthwise, plain, random_images, residual
from .repairs import RepairConformance
from .samplers import SamplerConformance
from .specimen import Specimen, specimen

__all__ = [
    "NETWORKS",
    "CompressorConformance",
    "DeviceConformance",
    "EvaluatorConformance",
    "MetricConformance",
    "RepairConformance",
    "SamplerConformance",
    "Specimen",
    "concat",
    "depthwise",
    "plain",
    "random_images",
    "residual",
    "specimen",
]
