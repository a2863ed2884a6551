"""What may change: trace a model into a graph, find coupled channels and knobs, and make policies of them."""

from .errors import ConfigError, Infeasible, ParefrontError, TaskError, TraceError
from .knob import Choice, Knob
from .policy import Policy
from .space import SearchSpace
from .task import Dataset, Task

__all__ = [
    "Choice",
    "ConfigError",
    "Dataset",
    "Infeasible",
    "Knob",
    "ParefrontError",
    "Policy",
    "SearchSpace",
    "Task",
    "TaskError",
    "TraceError",
]
