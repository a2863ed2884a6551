"""Which policy to try next: samplers, the controller (ask → evaluate → record → tell), budgets, fronts, run folders."""

from .budget import Budget
from .candidate import HIGHER_IS_BETTER, Candidate, Evaluator
from .context import SamplerContext
from .controller import search
from .earlier import Earlier
from .errors import EveryTrialFailed, HostFailed, NoCandidate, RunBusy, RunNotFound, SpaceExhausted
from .events import Done, Event, Finalising, Finished, OnEvent, Probed, Probing, Started
from .front import Front
from .hypervolume import hypervolume
from .metrics import METRIC_KEYS, metric_key, value_of
from .record import Outcome, TrialRecord
from .replay import replayed
from .run import Run
from .samplers import SAMPLERS, SamplerFactory, make_sampler, sampler_names
from .settings import SearchSettings

__all__ = [
    "HIGHER_IS_BETTER",
    "METRIC_KEYS",
    "SAMPLERS",
    "Budget",
    "Candidate",
    "Done",
    "Earlier",
    "Evaluator",
    "Event",
    "EveryTrialFailed",
    "Finalising",
    "Finished",
    "Front",
    "HostFailed",
    "NoCandidate",
    "OnEvent",
    "Outcome",
    "Probed",
    "Probing",
    "Run",
    "RunBusy",
    "RunNotFound",
    "SamplerContext",
    "SamplerFactory",
    "SearchSettings",
    "SpaceExhausted",
    "Started",
    "TrialRecord",
    "hypervolume",
    "make_sampler",
    "metric_key",
    "replayed",
    "sampler_names",
    "search",
    "value_of",
]
