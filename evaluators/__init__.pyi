from .device.device import Device
from .device.device_options import DeviceOptions
from .device.device_profile import DeviceProfile
from .device.errors import DeviceError
from .device.latency import Latency, LatencyProtocol, measure
from .device.lock import THIS_MACHINE, shared
from .explain.shares import by_module, layer_shares
from .quality.accuracy import correct, drawn_indices, open_session, split_inputs
from .quality.cost import Cost, cost_of
from .quality.divergence import divergence
from .quality.inference import run_outputs
from .quality.parity import ParityError, check_parity, prove
from .quality.scoring.quality import Quality
from .quality.scoring.registry import metric_names, quality_metric, quality_of
from .quality.split_digest import digest_of
from .quality.split_samples import SplitSamples
from .results.budget import Budget
from .results.candidate import Candidate
from .results.digest import SplitDigest
from .results.errors import EveryTrialFailed, HostFailed, NoCandidate, RunBusy, RunNotFound, SpaceExhausted
from .results.fronts.front import Front
from .results.fronts.hypervolume import hypervolume
from .results.measurement import Measurement, paired_difference, proportion
from .results.metric import ACCURACY, Metric
from .results.metrics import metric_key, metric_of, value_of
from .storage.packed_file import load_packed
from .trial.evaluator import Evaluator

__all__ = [
    "ACCURACY",
    "THIS_MACHINE",
    "Budget",
    "Candidate",
    "Cost",
    "Device",
    "DeviceError",
    "DeviceOptions",
    "DeviceProfile",
    "Evaluator",
    "EveryTrialFailed",
    "Front",
    "HostFailed",
    "Latency",
    "LatencyProtocol",
    "Measurement",
    "Metric",
    "NoCandidate",
    "ParityError",
    "Quality",
    "RunBusy",
    "RunNotFound",
    "SpaceExhausted",
    "SplitDigest",
    "SplitSamples",
    "by_module",
    "check_parity",
    "correct",
    "cost_of",
    "digest_of",
    "divergence",
    "drawn_indices",
    "hypervolume",
    "layer_shares",
    "load_packed",
    "measure",
    "metric_key",
    "metric_names",
    "metric_of",
    "open_session",
    "paired_difference",
    "proportion",
    "prove",
    "quality_metric",
    "quality_of",
    "run_outputs",
    "shared",
    "split_inputs",
    "value_of",
]
