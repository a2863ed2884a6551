"""What all tests share: the same state of torch's generator for each, and one thread, as they run side by side."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.policy import Policy

MakeCandidate = Callable[..., Candidate]

_UNITS = {"accuracy": "fraction", "accuracy_change": "fraction", "latency_ms": "ms", "latency_ratio": "x"}

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def make_candidate() -> MakeCandidate:
    """``make_candidate(trial=3, accuracy=0.9, latency_ratio=0.5)``: exact metrics, a policy of its own."""

    def make(trial: int | None = None, **metrics: float) -> Candidate:
        policy = Policy() if trial is None else Policy({"prune_channels/conv": trial})
        measured = {key: Measurement.exact(value, _UNITS.get(key, "")) for key, value in metrics.items()}
        return Candidate(policy, measured, trial=trial)

    return make
