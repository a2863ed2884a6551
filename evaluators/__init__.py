"""What a candidate costs: model → ONNX artefact → accuracy, latency on a device, size, MACs, memory."""

from ..spaces.network.emit import Artifact, emit
from .device.device import Device, DeviceOptions
from .device.device_profile import DeviceProfile
from .device.errors import DeviceError
from .device.latency import Latency, LatencyProtocol, measure
from .device.lock import THIS_MACHINE, shared
from .explain.shares import by_module, layer_shares
from .quality.accuracy import correct, drawn_indices, evaluate, metric_score, open_session, run_outputs, split_inputs
from .quality.cost import Cost, cost_of
from .quality.divergence import divergence
from .quality.metric_stream import MetricStream
from .quality.parity import ParityError, check_parity, prove
from .quality.split_digest import SplitDigest, digest_of
from .quality.split_samples import SplitSamples
from .results.measurement import Measurement, paired_difference, proportion
from .storage.packed_file import load_packed

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
