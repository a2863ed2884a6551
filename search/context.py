"""What a sampler may know of the search that it suggests policies for."""

from __future__ import annotations

from dataclasses import dataclass

from ..spaces import SearchSpace
from .budget import Budget
from .candidate import Candidate


@dataclass(frozen=True)
class SamplerContext:
    """What a sampler is made from.

    Attributes:
        seed: differs from trial to trial; the only source of chance a sampler may use.
        space: the knobs.
        objectives: names of the metrics, in the order of the study's values.
        budgets: told to the study as constraints.
        trials: number of different policies that will be evaluated in all.
        baseline: the uncompressed model, measured.
    """

    seed: int
    space: SearchSpace
    objectives: tuple[str, ...]
    budgets: tuple[Budget, ...]
    trials: int
    baseline: Candidate
