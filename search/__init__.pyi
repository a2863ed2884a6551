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
    "SAMPLERS",
    "Done",
    "Event",
    "Finalising",
    "Finished",
    "OnEvent",
    "Outcome",
    "Probed",
    "Probing",
    "ReusedRun",
    "Run",
    "SamplerContext",
    "SamplerFactory",
    "SearchSettings",
    "Started",
    "TrialRecord",
    "Warned",
    "make_sampler",
    "replayed",
    "sampler_names",
    "search",
]
