"""A run of a model as its runtime's profile splits it into operators, without what profiling itself takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .answers import number, objects
from .operator import Operator

MOST_OF_IT = 0.95
"""Of the time that is reported of an operator, how much profiling may have taken."""


@dataclass(frozen=True, slots=True)
class ProfiledRun:
    """The operators of one run, and what the whole run takes.

    ONNX Runtime notes names and shapes while an operator's time is running: 5 to 7 µs for each, which is half of the
    time of a small network. So the same model is run without a profile in turn, and where the operators sum to more
    than that run takes, the difference is taken off them in equal parts.

    Attributes:
        operators: in the order in which they run; together they take ``us`` at most.
        us: microseconds of a run without a profile.
        profiling_us: microseconds that were taken off the operators together.
    """

    operators: tuple[Operator, ...]
    us: float
    profiling_us: float

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ProfiledRun:
        """As a worker sends it; `Malformed` for a field that is missing or cannot be."""
        listed = [Operator.from_json(operator) for operator in objects(fields, "operators", least=1)]
        us, reported = number(fields, "run_us"), [operator.us for operator in listed]
        own = without_profiling(reported, us)
        operators = tuple(replace(operator, us=left) for operator, left in zip(listed, own, strict=True))
        return cls(operators, us, sum(reported) - sum(own))

    def at_pace(self, factor: float) -> ProfiledRun:
        """On a device that takes ``factor`` times as long for everything."""
        operators = tuple(replace(operator, us=factor * operator.us) for operator in self.operators)
        return ProfiledRun(operators, factor * self.us, factor * self.profiling_us)


def without_profiling(reported: Sequence[float], run: float) -> list[float]:
    """The times of operators, less an equal part for each, so that they sum to ``run`` at most.

    No operator loses more than `MOST_OF_IT`, as none takes nothing; the others make up for it.
    """
    excess, part, left = sum(reported) - run, 0.0, len(reported)
    if excess <= 0:
        return list(reported)
    for most in sorted(MOST_OF_IT * us for us in reported):
        part = excess / left
        if most >= part:
            break
        excess, left = excess - most, max(1, left - 1)
    return [us - min(part, MOST_OF_IT * us) for us in reported]
