"""Intervals in words: one number for both sides where they are alike, the ends where they are not."""

from __future__ import annotations

import pytest

from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.views.written import worded, written


@pytest.mark.parametrize(
    ("low", "value", "high", "words"),
    [
        (0.926, 0.931, 0.936, "93.1 ±0.5"),
        (0.932, 0.943, 0.9525, "94.3 ±1.1"),
        (0.992, 0.997, 0.999, "99.7 [99.2, 99.9]"),
        (0.985, 1.0, 1.0, "100.0 [98.5, 100.0]"),
        (0.9308, 0.931, 0.93106, "93.10 [93.08, 93.11]"),
        (0.931, 0.931, 0.931, "93.10"),
        (0.9305, 0.931, 0.9315, "93.10 ±0.05"),
        (0.93045, 0.931, 0.93155, "93.10 ±0.06"),
        (0.9299, 0.931, 0.9321, "93.1 ±0.1"),
    ],
)
def test_the_ends_are_told_where_sides_differ(low: float, value: float, high: float, words: str) -> None:
    measured = Measurement(value, low, high, 2000, "fraction")
    assert written(measured).spanned() == words


def test_no_words_reach_beyond_a_hundred_per_cent_or_below_an_end() -> None:
    assert worded(Measurement(0.997, 0.992, 0.999, 2000, "fraction")) == "99.7 [99.2, 99.9] %"
    assert worded(Measurement(1.2, 1.0, 1.6, 64, "ms")) == "1.20 [1.00, 1.60] ms"
    assert worded(Measurement(-0.004, -0.014, -0.001, 64, "fraction"), change=True) == "-0.4 [-1.4, -0.1] pt"


@pytest.mark.parametrize("value", [-0.0002, 0.0002, 0.0])
def test_what_is_rounded_to_zero_is_neither_a_gain_nor_a_loss(value: float) -> None:
    assert worded(Measurement(value, value - 0.003, value + 0.003, 64, "fraction"), change=True) == "0.0 ± 0.3 pt"


def test_small_numbers_of_a_tasks_own_metric_keep_their_digits() -> None:
    assert worded(Measurement(3e-8, 2.9e-8, 3.1e-8, 64, "score")) == "0.0000000300 ± 0.0000000010"
    assert worded(Measurement.exact(-2.5e-7, "score"), change=True) == "-0.0000002500"
