"""Pare a network down to its Pareto front: budget-constrained compression, measured on the device."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import compress
    from .evaluators import load_packed
    from .search import Budget, Candidate, EveryTrialFailed, Front, NoCandidate, Run
    from .spaces import ConfigError, ParefrontError, Policy, Task, TaskError

__version__ = "0.1.0"

# Threads of torch that wait for each other burn the core that the others need, unless told not to; on a machine with
# other work a candidate took six times as long. Read by the OpenMP runtime when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# Official builds of onnxruntime would send what models they run; whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Budget",
    "Candidate",
    "ConfigError",
    "EveryTrialFailed",
    "Front",
    "NoCandidate",
    "ParefrontError",
    "Policy",
    "Run",
    "Task",
    "TaskError",
    "__version__",
    "compress",
    "load_packed",
]

_HOMES = {
    "compress": "api",
    "load_packed": "evaluators",
    **dict.fromkeys(("Budget", "Candidate", "EveryTrialFailed", "Front", "NoCandidate", "Run"), "search"),
    **dict.fromkeys(("ConfigError", "ParefrontError", "Policy", "Task", "TaskError"), "spaces"),
}


def __getattr__(name: str) -> object:
    """Import what is public when it is first asked for: ``import parefront`` alone does not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'parefront' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
