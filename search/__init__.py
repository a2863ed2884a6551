"""Which policy to try next: samplers, the controller (ask → evaluate → record → tell), budgets, fronts, run folders."""

from .budget import Budget
from .candidate import Candidate
from .context import SamplerContext
from .controller import search
from .errors import EveryTrialFailed, HostFailed, NoCandidate, RunBusy, RunNotFound, SpaceExhausted
from .evaluator import Evaluator
from .events import Done, Event, Finalising, Finished, OnEvent, Probed, Probing, Started, Warned
from .front import Front
from .hypervolume import hypervolume
from .metric import ACCURACY, Metric
from .metrics import metric_key, metric_of, value_of
from .quality import quality_metric
from .record import Outcome, TrialRecord
from .replay import replayed
from .reused_run import ReusedRun
from .run import Run
from .samplers import SAMPLERS, SamplerFactory, make_sampler, sampler_names
from .settings import SearchSettings

__all__ = [
    "ACCURACY",
    "SAMPLERS",
    "Budget",
    "Candidate",
    "Done",
    "Evaluator",
    "Event",
    "EveryTrialFailed",
    "Finalising",
    "Finished",
    "Front",
    "HostFailed",
    "Metric",
    "NoCandidate",
    "OnEvent",
    "Outcome",
    "Probed",
    "Probing",
    "ReusedRun",
    "Run",
    "RunBusy",
    "RunNotFound",
    "SamplerContext",
    "SamplerFactory",
    "SearchSettings",
    "SpaceExhausted",
    "Started",
    "TrialRecord",
    "Warned",
    "hypervolume",
    "make_sampler",
    "metric_key",
    "metric_of",
    "quality_metric",
    "replayed",
    "sampler_names",
    "search",
    "value_of",
]
