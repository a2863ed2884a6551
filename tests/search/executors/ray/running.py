"""A run of the synthetic evaluator, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parefront.search.runs.run import Run


def run_in(folder: Path, trials: int) -> Run:
    config: dict[str, Any] = {"objectives": ["accuracy", "latency"], "budget": []}
    settings = {"sampler": "nsga2", "trials": trials, "seed": 0}
    return Run.resume_or_create("run", config | {"search": settings}, folder)
