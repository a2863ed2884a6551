"""What evaluators have whose networks are formulas: nothing that could be trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.policy import Policy

if TYPE_CHECKING:
    from torch import fx


class Untrained:
    """The part of an evaluator that only recovery calls."""

    def evaluate_trained(
        self, policy: Policy, weights: Path, artifact: Path, like: Candidate | None = None
    ) -> Candidate:
        raise NotImplementedError("a formula has no weights to train")

    def glimpse(self, net: fx.GraphModule) -> float | None:
        raise NotImplementedError("a formula has no network to train")

    def gain(self, candidate: Candidate, over: Candidate) -> Measurement:
        raise NotImplementedError("a formula has no weights to train")
