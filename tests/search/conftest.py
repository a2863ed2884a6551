"""Candidates with given numbers, and searches over the synthetic network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy

MakeCandidate = Callable[..., Candidate]
SearchIn = Callable[..., tuple[Run, Front]]

_UNITS = {"accuracy": "fraction", "accuracy_change": "fraction", "latency_ms": "ms", "latency_ratio": "x"}


@pytest.fixture
def make_candidate() -> MakeCandidate:
    """``make_candidate(trial=3, accuracy=0.9, latency_ratio=0.5)``: exact metrics, a policy of its own."""

    def make(trial: int | None = None, **metrics: float) -> Candidate:
        policy = Policy() if trial is None else Policy({"prune_channels/conv": trial})
        measured = {key: Measurement.exact(value, _UNITS.get(key, "")) for key, value in metrics.items()}
        return Candidate(policy, measured, trial=trial)

    return make


@pytest.fixture
def search_in(tmp_path: Path) -> SearchIn:
    """``search_in(evaluator, name="run", sampler="random", trials=20)``: search, or go on, and return run and front."""

    def search_it(
        evaluator: Evaluator, name: str = "run", raise_errors: bool = True, on_event: Any = None, **settings: Any
    ) -> tuple[Run, Front]:
        config: dict[str, Any] = {"objectives": settings.pop("objectives", ["accuracy", "latency"])}
        config["budget"] = settings.pop("budget", [])
        config["search"] = {"sampler": "random", "trials": 20, "seed": 0, **settings}
        run = Run.resume_or_create(name, config, root=tmp_path)
        return run, search(run, evaluator, on_event, raise_errors)

    return search_it
