"""Which policy to try next: samplers, the controller (ask → evaluate → record → tell), budgets, fronts, run folders."""

from ..evaluators.results.budget import Budget
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import EveryTrialFailed, HostFailed, NoCandidate, RunBusy, RunNotFound, SpaceExhausted
from ..evaluators.results.front import Front
from ..evaluators.results.hypervolume import hypervolume
from ..evaluators.results.metric import ACCURACY, Metric
from ..evaluators.results.metrics import metric_key, metric_of, value_of
from ..evaluators.results.quality import quality_metric
from ..evaluators.trial.evaluator import Evaluator
from .controller import search
from .registry import SAMPLERS, SamplerFactory, make_sampler, sampler_names
from .runs.events import Done, Event, Finalising, Finished, OnEvent, Probed, Probing, Started, Warned
from .runs.record import Outcome, TrialRecord
from .runs.reused_run import ReusedRun
from .runs.run import Run
from .runs.settings import SearchSettings
from .samplers.context import SamplerContext
from .samplers.replay import replayed

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
