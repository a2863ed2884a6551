"""Whether a classifier leans further than its labels towards the subgroups in which each class is frequent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..results.classes.amplification import Amplification
from ..results.measurement import Z_95, Measurement, proportion

RESAMPLES = 200
"""Of the bootstrap; an interval's width is then known to 5 %."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def amplification_of(
    answers: Integers, reference: Integers, labels: Integers, names: NDArray[np.str_]
) -> Amplification | None:
    """Bias amplification of a candidate and of the uncompressed model, and what compression adds to it.

    ``1/|O| Σ_g Σ_{o: b*(o, g) > 1/|G|} (b̃(o, g) − b*(o, g))``, where ``b*(o, g)`` is the share of subgroup ``g`` among
    the samples of class ``o`` and ``b̃`` that among the samples which the model calls so (Zhao et al. 2017, "Men Also
    Like Shopping: Reducing Gender Bias Amplification using Corpus-level Constraints", section 3). That compression may
    raise it is what Hooker et al. 2020, "Characterising Bias in Compressed Models", ask for. Deviations: ``b*`` is of
    the labels of the same samples, not of the training set; a class that a model never answers counts as unchanged.

    Intervals are 1.96 standard deviations of a bootstrap over samples, the same ones drawn of both models.

    Args:
        answers: classes that the candidate answers, shape ``(n,)``.
        reference: those that the uncompressed model answers.
        labels: shape ``(n,)``.
        names: of the samples' subgroups, shape ``(n,)``.

    Returns:
        None where there is one subgroup or one class alone.
    """
    groups, group = np.unique(names, return_inverse=True)
    classes = np.unique(labels)
    if len(groups) < 2 or len(classes) < 2:
        return None
    counts = _Counts(int(max(map(np.max, (answers, reference, labels)))) + 1, len(groups))
    coded = [counts.coded(each, group) for each in (labels, reference, answers)]
    wanted = counts.shares(counts.of(coded[0])) > 1 / len(groups)

    def amplified(chosen: Integers | slice) -> tuple[float, float]:
        true, then, now = (counts.shares(counts.of(each[chosen])) for each in coded)
        return _amplified(true, then, wanted, len(classes)), _amplified(true, now, wanted, len(classes))

    generator, n = np.random.default_rng(0), len(labels)
    before, after = amplified(slice(None))
    drawn = np.array([amplified(generator.integers(0, n, n)) for _ in range(RESAMPLES)])
    spread_before, spread = drawn.std(0, ddof=1)
    change = float((drawn[:, 1] - drawn[:, 0]).std(ddof=1))
    return Amplification(
        _around(before, float(spread_before), n), _around(after, float(spread), n), _around(after - before, change, n)
    )


class _Counts:
    """Samples by class and subgroup."""

    def __init__(self, classes: int, groups: int) -> None:
        self._shape = classes, groups

    def coded(self, classes: Integers, group: Integers) -> Integers:
        """One number for the class and the subgroup of each sample."""
        return np.asarray(classes * self._shape[1] + group)

    def of(self, coded: Integers) -> Floats:
        """How many samples there are of each, shape ``(classes, groups)``."""
        return np.bincount(coded, minlength=self._shape[0] * self._shape[1]).reshape(self._shape).astype(np.float64)

    @staticmethod
    def shares(counts: Floats) -> Floats:
        """The share of each subgroup in each class; nan in a class without samples."""
        totals = counts.sum(1, keepdims=True)
        return np.asarray(np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0))


def _amplified(true: Floats, found: Floats, wanted: NDArray[np.bool_], classes: int) -> float:
    """The sum of the formula; what is not known of a class is no shift."""
    return float(np.nan_to_num(found - true)[wanted].sum() / classes)


def _around(value: float, spread: float, n: int) -> Measurement:
    """A value by its standard deviation; where all draws agree, as far off as a share of which no sample was one."""
    half = Z_95 * spread or proportion(0, n).high
    return Measurement.around(value, value - half, value + half, n, "fraction")
