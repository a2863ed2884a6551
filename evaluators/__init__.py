"""What a candidate costs: model → ONNX artefact → accuracy, latency on a device, size, MACs, memory."""

from .accuracy import correct, drawn_indices, evaluate, metric_score, open_session, run_outputs, split_inputs
from .cost import Cost, cost_of
from .device import Device, DeviceOptions
from .device_profile import DeviceProfile
from .divergence import divergence
from .emit import Artifact, emit
from .errors import DeviceError
from .latency import Latency, LatencyProtocol, measure
from .lock import THIS_MACHINE, shared
from .measurement import Measurement, paired_difference, proportion
from .metric_stream import MetricStream
from .parity import ParityError, check_parity, prove
from .pfz import load_packed
from .shares import by_module, layer_shares
from .split_digest import SplitDigest, digest_of
from .split_samples import SplitSamples

__all__ = [
    "THIS_MACHINE",
    "Artifact",
    "Cost",
    "Device",
    "DeviceError",
    "DeviceOptions",
    "DeviceProfile",
    "Latency",
    "LatencyProtocol",
    "Measurement",
    "MetricStream",
    "ParityError",
    "SplitDigest",
    "SplitSamples",
    "by_module",
    "check_parity",
    "correct",
    "cost_of",
    "digest_of",
    "divergence",
    "drawn_indices",
    "emit",
    "evaluate",
    "layer_shares",
    "load_packed",
    "measure",
    "metric_score",
    "open_session",
    "paired_difference",
    "proportion",
    "prove",
    "run_outputs",
    "shared",
    "split_inputs",
]
