"""Numbers as people read them."""

from __future__ import annotations

import pytest

from parefront.evaluators.results.views.units import count, duration, milliseconds, size


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (999.6, "1.00k"), (1_234, "1.23k"), (999_800, "1.00M"), (4.11e9, "4.11G")],
)  # fmt: skip
def test_count(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(12, "12 B"), (311_700, "312 KB"), (4_530_000, "4.53 MB"), (25.3e9, "25.3 GB")]
)
def test_size_counts_in_thousands_as_budgets_do(number: float, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (185, "3:05"), (3785, "1:03:05")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(0.0412, "0.041"), (1.268, "1.27"), (12.34, "12.3"), (163.4, "163")])
def test_milliseconds(value: float, text: str) -> None:
    assert milliseconds(value) == text
