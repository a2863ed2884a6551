from .api import compress
from .evaluators.quality.quality import Quality
from .evaluators.results.budget import Budget
from .evaluators.results.candidate import Candidate
from .evaluators.results.errors import EveryTrialFailed, NoCandidate
from .evaluators.results.front import Front
from .evaluators.storage.packed_file import load_packed
from .search.runs.run import Run
from .spaces.errors import ConfigError, ParefrontError, TaskError
from .spaces.policy import Policy
from .spaces.task import Task

__version__: str

__all__ = [
    "Budget",
    "Candidate",
    "ConfigError",
    "EveryTrialFailed",
    "Front",
    "NoCandidate",
    "ParefrontError",
    "Policy",
    "Quality",
    "Run",
    "Task",
    "TaskError",
    "compress",
    "load_packed",
]
