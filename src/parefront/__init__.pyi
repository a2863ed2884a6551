from .api import compress, follow
from .callbacks.callback import Callback
from .callbacks.markdown import MarkdownSummary
from .evaluators.quality.scoring.quality import Quality
from .evaluators.restore.module import ArtifactModule
from .evaluators.restore.parity import Parity, parity
from .evaluators.results.budget import Budget
from .evaluators.results.candidate import Candidate
from .evaluators.results.errors import EveryTrialFailed, NoCandidate
from .evaluators.results.fronts.front import Front
from .evaluators.storage.packed_file import load_packed
from .inspection.explaining import ExplanationReport, explain
from .inspection.measuring import LatencyReport, measure
from .inspection.profiling import Profile, profile
from .landmarking import beside
from .loading import load
from .recipes.following import Followed
from .search.runs.run import Run
from .spaces.errors import ConfigError, ParefrontError, TaskError
from .spaces.policy import Policy
from .spaces.task import Task

__version__: str

__all__ = [
    "ArtifactModule",
    "Budget",
    "Callback",
    "Candidate",
    "ConfigError",
    "EveryTrialFailed",
    "ExplanationReport",
    "Followed",
    "Front",
    "LatencyReport",
    "MarkdownSummary",
    "NoCandidate",
    "ParefrontError",
    "Parity",
    "Policy",
    "Profile",
    "Quality",
    "Run",
    "Task",
    "TaskError",
    "beside",
    "compress",
    "explain",
    "follow",
    "load",
    "load_packed",
    "measure",
    "parity",
    "profile",
]
