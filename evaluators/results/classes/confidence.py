"""How sure a classifier is of its answers, and whether it is right as often as it is sure: before and after."""

from __future__ import annotations

from dataclasses import dataclass

from ..measurement import Measurement


@dataclass(frozen=True, slots=True)
class Confidence:
    """Of the uncompressed model and of a candidate, on the same samples; fractions.

    Attributes:
        error_before: expected calibration error of the uncompressed model; lower is better.
        error: of the candidate.
        error_change: the latter less the former, paired.
        mean_before: mean probability that the uncompressed model gives its own answers.
        mean: of the candidate.
    """

    error_before: Measurement
    error: Measurement
    error_change: Measurement
    mean_before: Measurement
    mean: Measurement
