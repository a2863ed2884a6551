"""How far a classifier's answers lean towards the subgroups in which each class is frequent: before and after."""

from __future__ import annotations

from dataclasses import dataclass

from ..measurement import Measurement


@dataclass(frozen=True, slots=True)
class Amplification:
    """Of the uncompressed model and of a candidate, on the same samples; fractions, above zero leans further.

    Attributes:
        before: bias amplification of the uncompressed model.
        after: of the candidate.
        change: the latter less the former, paired.
    """

    before: Measurement
    after: Measurement
    change: Measurement
