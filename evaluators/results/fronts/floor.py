"""The floor of a quality: what is worse is of no use to anybody, however cheap it is."""

from __future__ import annotations

from dataclasses import dataclass

from ..candidate import Candidate
from ..metric import Metric


@dataclass(frozen=True)
class Floor:
    """The worst value of the task's own metric that is taken for useful, where no budget says so.

    Attributes:
        metric: the task's own.
        value: in its own unit and direction.
        scale: what a violation of 1 is, as of budgets: ten points of accuracy, or :meth:`Metric.useful_loss`.
    """

    metric: Metric
    value: float
    scale: float

    @classmethod
    def of(cls, metric: Metric, uncompressed: float, chance: float = 0.0) -> Floor:
        """Half of what chance leaves: halfway from the uncompressed model's value to that of guessing.

        Guessing gives ``chance`` of a fraction that is better when higher (one in a thousand on a thousand classes),
        and 1 of one that is better when lower. Of a score in a unit of its own it is not known: where higher is better
        half of the uncompressed model's is the floor (where that is above zero), where lower is better twice of it.

        Args:
            metric: the task's own.
            uncompressed: its value of the uncompressed model.
            chance: what guessing gives; not above ``uncompressed``.
        """
        scale = metric.useful_loss(uncompressed)
        if metric.is_fraction:
            guess = min(chance, uncompressed) if metric.higher_is_better else max(1.0, uncompressed)
            return cls(metric, (uncompressed + guess) / 2, scale)
        if metric.higher_is_better:
            return cls(metric, uncompressed / 2 if uncompressed > 0 else uncompressed - scale, scale)
        return cls(metric, uncompressed + max(scale, abs(uncompressed)), scale)

    def violation(self, candidate: Candidate) -> float:
        """By how much a candidate is worse; zero or less where it is useful, or its quality was not measured."""
        measured = candidate.metrics.get(self.metric.key)
        return 0.0 if measured is None else self.metric.sign * (measured.value - self.value) / self.scale
