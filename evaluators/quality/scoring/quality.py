"""How good outputs are: by a function of each sample, by sums over samples, or by a ``torchmetrics.Metric``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...results.metric import SCORE, Metric, score
from .scores import Numbers
from .tally import SampleTally, Score, SumTally, Tally
from .torchmetric import TorchMetric, tally_of


@dataclass(frozen=True)
class Quality:
    """A metric of outputs and targets; made by :meth:`per_sample`, :meth:`of_sums` or :meth:`of_torchmetric`.

    Attributes:
        metric: its name, direction, unit and what one point of it is.
        make: a tally for so many samples.
        is_per_sample: whether each sample has a score of its own, so that a part of a split bounds the score of all.
        classifies: whether outputs are class scores ``(m, classes)``, and targets class indices.
        check: raises ``ValueError`` for outputs of the uncompressed model that it would misread; called once, before
            the search.
    """

    metric: Metric
    make: Callable[[int], Tally]
    is_per_sample: bool = False
    classifies: bool = False
    check: Callable[[Any], None] | None = None

    @classmethod
    def per_sample(
        cls,
        name: str,
        function: Score,
        *,
        higher_is_better: bool,
        unit: str = SCORE,
        point: float | None = None,
        classifies: bool = False,
    ) -> Quality:
        """A function of outputs and targets that gives a score for each sample; the mean is the score.

        Candidates are compared with the uncompressed model sample by sample, and raced.

        Args:
            name: lower-case letters, digits and ``_``; the key in JSON.
            function: of outputs as the model gives them, shape ``(m, …)``, and targets ``(m, …)`` (a list where they
                are lists or mappings), to a tensor of shape ``(m,)``. A sample's score depends on no other sample.
            higher_is_better: the direction.
            unit: ``"fraction"`` for what lies between 0 and 1, or e.g. ``"dB"``.
            point: what budgets such as ``-1.0pt`` call a point, in that unit; by default 0.01 of a fraction.
            classifies: whether outputs are class scores.
        """
        metric = score(name, higher_is_better, unit, point)
        return cls(metric, partial(SampleTally, name, function), is_per_sample=True, classifies=classifies)

    @classmethod
    def of_sums(
        cls,
        name: str,
        parts: Score,
        of_sums: Callable[[Numbers], Numbers],
        *,
        higher_is_better: bool,
        unit: str = SCORE,
        point: float | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> Quality:
        """A function of sums over all samples (an F1 of counts); its interval is bootstrapped over samples.

        Args:
            name: as for :meth:`per_sample`.
            parts: as its function, but gives what is summed, shape ``(m, k)``.
            of_sums: a NumPy function of sums ``(…, k)`` to scores ``(…,)``.
            higher_is_better: the direction.
            unit: of the score.
            point: in that unit.
            check: of outputs of the uncompressed model.
        """
        metric = score(name, higher_is_better, unit, point)
        return cls(metric, partial(SumTally, name, parts, of_sums), check=check)

    @classmethod
    def of_torchmetric(
        cls,
        name: str,
        metric: TorchMetric,
        *,
        higher_is_better: bool,
        unit: str = SCORE,
        point: float | None = None,
    ) -> Quality:
        """A ``torchmetrics.Metric``, or what has its ``update``, ``compute`` and ``reset``; arguments as above."""
        return cls(score(name, higher_is_better, unit, point), partial(tally_of, metric))

    def tally(self, n: int) -> Tally:
        """A tally for ``n`` samples."""
        return self.make(n)
