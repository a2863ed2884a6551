from .api import compress
from .evaluators.quality.quality import Quality
from .evaluators.restore.module import ArtifactModule
from .evaluators.restore.parity import Parity, parity
from .evaluators.results.budget import Budget
from .evaluators.results.candidate import Candidate
from .evaluators.results.errors import EveryTrialFailed, NoCandidate
from .evaluators.results.front import Front
from .evaluators.storage.packed_file import load_packed
from .loading import load
from .search.runs.run import Run
from .spaces.errors import ConfigError, ParefrontError, TaskError
from .spaces.policy import Policy
from .spaces.task import Task

__version__: str

__all__ = [
    "ArtifactModule",
    "Budget",
    "Candidate",
    "ConfigError",
    "EveryTrialFailed",
    "Front",
    "NoCandidate",
    "ParefrontError",
    "Parity",
    "Policy",
    "Quality",
    "Run",
    "Task",
    "TaskError",
    "compress",
    "load",
    "load_packed",
    "parity",
]
