"""Whether a profile agrees with what was measured of the same two models."""

from __future__ import annotations

import pytest

from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.profile import Profile


def ratio(value: float, half: float) -> Measurement:
    return Measurement(value, value - half, value + half, 40, "x")


@pytest.mark.parametrize(
    ("us", "before_us", "measured", "agrees"),
    [
        (1260.0, 2650.0, ratio(0.475, 0.015), True),
        (1400.0, 2650.0, ratio(0.475, 0.015), True),  # 0.528x: 11 % off
        (2240.0, 2800.0, ratio(0.475, 0.015), False),  # 0.80x
        (2240.0, 2800.0, ratio(0.475, 0.4), True),  # within a wide interval
        (180.0, 2750.0, ratio(0.039, 0.001), False),
        (1.0, 0.0, ratio(0.039, 0.001), False),
    ],
)
def test_it_does_within_the_interval_or_fifteen_per_cent(
    us: float, before_us: float, measured: Measurement, agrees: bool
) -> None:
    assert Profile((), us, before_us).agrees_with(measured) == agrees
