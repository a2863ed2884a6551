"""Intervals against scipy's, against brute force, and by their coverage of a known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from parefront.evaluators.results.measurement import (
    Z_95,
    Measurement,
    bootstrap_median,
    order_statistic,
    paired_difference,
    proportion,
)
from parefront.evaluators.results.measurement import student_half_width as student

from ...clocks import times_as_long


def test_json_round_trip_names_noise_only_where_there_is_some() -> None:
    quiet, noisy = Measurement(2.0, 1.5, 2.5, 64, "ms"), Measurement(2.0, 1.5, 2.5, 64, "ms", noisy=True)
    assert "noisy" not in quiet.to_json()
    assert noisy.to_json()["noisy"] is True
    for measured in (quiet, noisy):
        assert Measurement.from_json(json.loads(json.dumps(measured.to_json()))) == measured


@pytest.mark.parametrize(
    ("value", "low", "high", "n"),
    [(1.0, 1.1, 1.2, 5), (1.0, 0.5, 0.9, 5), (math.nan, 0, 1, 5), (1.0, 0, math.inf, 5), (1.0, 0, 2, 0)],
)
def test_an_impossible_interval_is_refused(value: float, low: float, high: float, n: int) -> None:
    with pytest.raises(ValueError, match=r"measurement|low <= value <= high"):
        Measurement(value, low, high, n, "ms")


def test_what_was_counted_has_no_width() -> None:
    assert Measurement.exact(1024, "bytes") == Measurement(1024, 1024, 1024, 1, "bytes")


def test_overlap_is_symmetric_and_needs_equal_units() -> None:
    slow, slower, slowest = (Measurement(v, v - 1, v + 1, 9, "ms") for v in (2.0, 3.5, 9.0))
    assert slow.overlaps(slower)
    assert slower.overlaps(slow)
    assert not slow.overlaps(slowest)
    with pytest.raises(ValueError, match="fraction"):
        slow.overlaps(Measurement.exact(2.0, "fraction"))


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (47, 50), (933, 1000), (9341, 10000)])
def test_proportion_is_wilsons_score_interval(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    measured = proportion(successes, n)
    assert (measured.low, measured.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (measured.value, measured.n, measured.unit) == (successes / n, n, "fraction")


def test_student_half_width_is_scipys() -> None:
    for n in (2, 5, 20, 31):
        samples = np.random.default_rng(n).normal(size=n)
        low, high = stats.t.interval(0.95, n - 1, loc=samples.mean(), scale=stats.sem(samples))
        assert student(samples) == pytest.approx((high - low) / 2, rel=1e-4)


@pytest.mark.parametrize("n", [31, 40, 301, 500])
def test_bootstrap_of_the_median_equals_resampling_by_brute_force(n: int) -> None:
    samples = np.random.default_rng(n).lognormal(size=n)
    drawn = np.random.default_rng(1).integers(0, n, (20_000, n))
    expected = np.quantile(np.median(samples[drawn], axis=1), [0.025, 0.975])
    measured = bootstrap_median(samples, "ms")
    assert measured.value == np.median(samples)
    assert (measured.low, measured.high) == pytest.approx(tuple(expected), rel=0.03)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 7, 8, 11, 16, 30, 31, 64, 200])
def test_bootstrap_of_the_median_covers_the_truth(n: int) -> None:
    generator = np.random.default_rng(7)
    measured = [bootstrap_median(generator.lognormal(sigma=0.3, size=n), "ms", resamples=1000) for _ in range(500)]
    assert sum(m.low <= 1.0 <= m.high for m in measured) >= 455


def test_bootstrap_is_repeatable_and_fast_enough_to_be_used_for_every_trial() -> None:
    samples = np.random.default_rng(0).normal(size=500)
    assert len({bootstrap_median(samples, "ms", seed=3) for _ in range(5)}) == 1
    drawn = np.random.default_rng(0).normal(size=(1000, 500))
    assert times_as_long(lambda: bootstrap_median(samples, "ms", seed=3), lambda: np.sort(drawn, axis=1)) < 15, (
        "about 1"
    )


def test_one_sample_has_no_interval_and_none_has_no_median() -> None:
    assert bootstrap_median(np.array([3.0]), "ms").noisy
    with pytest.raises(ValueError, match="no samples"):
        bootstrap_median(np.array([]), "ms")


def test_paired_difference_is_narrower_than_two_proportions_and_signed() -> None:
    base = np.arange(1000) % 10 != 0
    candidate = base.copy()
    candidate[1:6] = False
    measured = paired_difference(candidate, base)
    assert measured.value == pytest.approx(-0.005)
    assert measured.high < 0.001
    assert measured.half_width < proportion(900, 1000).half_width / 2
    assert paired_difference(base, candidate).value == pytest.approx(0.005)


@pytest.mark.parametrize("make", [np.ones, np.zeros])
def test_two_models_that_agree_on_every_image_may_still_differ(make: Callable[..., np.ndarray]) -> None:
    same = make(500, dtype=bool)
    measured = paired_difference(same, same)
    assert measured.value == 0
    assert 0 < measured.high == -measured.low < 0.01


def test_paired_difference_covers_the_truth() -> None:
    generator = np.random.default_rng(11)
    covered = 0
    for _ in range(1000):
        both = generator.choice(3, size=400, p=[0.02, 0.05, 0.93])  # 0: candidate alone is right, 1: base alone
        measured = paired_difference(both != 1, both != 0)
        covered += measured.low <= -0.03 <= measured.high
    assert covered >= 925


def test_paired_difference_wants_the_same_images() -> None:
    with pytest.raises(ValueError, match="shapes"):
        paired_difference(np.ones(3, dtype=bool), np.ones(4, dtype=bool))


def test_a_product_adds_relative_widths_in_quadrature() -> None:
    product = Measurement(2.0, 1.94, 2.06, 50, "x").times(Measurement(3.0, 2.88, 3.12, 9, "x"), "ms")
    assert (product.value, product.n, product.unit, product.noisy) == (6.0, 50, "ms", False)
    assert product.low == pytest.approx(6 * (1 - 0.05))
    assert product.high == pytest.approx(6 * (1 + 0.05))


def test_a_product_with_an_exact_number_only_scales() -> None:
    scaled = Measurement(2.0, 1.9, 2.2, 50, "x", noisy=True).times(Measurement.exact(0.5, "x"), "x")
    assert scaled.to_json() == pytest.approx(Measurement(1.0, 0.95, 1.1, 50, "x", noisy=True).to_json())


def test_a_quantile_lies_between_order_statistics_that_cover_it() -> None:
    """95 % of the intervals hold the true 99th percentile of an exponential distribution, or a few more."""
    generator = np.random.default_rng(0)
    true = -math.log(0.01)
    found = [order_statistic(generator.exponential(size=2000), 0.99, "ms") for _ in range(400)]

    assert 0.93 <= np.mean([m.low <= true <= m.high for m in found]) <= 0.99
    assert all(m.value == pytest.approx(true, rel=0.25) for m in found)


def test_the_quantile_of_few_samples_ends_at_the_greatest() -> None:
    samples = np.arange(1.0, 11.0)
    measured = order_statistic(samples, 0.99, "ms")

    assert (measured.high, measured.n) == (10.0, 10)
    assert order_statistic(np.array([3.0]), 0.99, "ms").noisy
    with pytest.raises(ValueError, match="a quantile of no samples is undefined"):
        order_statistic(np.array([]), 0.99, "ms")


def test_why_it_is_noisy_is_kept_in_json_and_through_products() -> None:
    noisy = Measurement(2.0, 1.0, 3.0, 4, "ms", noisy=True, why_noisy=("drifted",))
    assert noisy.to_json()["why_noisy"] == ["drifted"]
    assert Measurement.from_json(noisy.to_json()) == noisy
    assert noisy.times(Measurement.exact(2.0, "x"), "ms").why_noisy == ("drifted",)


def test_what_was_written_without_a_reason_has_none() -> None:
    steady = Measurement(2.0, 1.0, 3.0, 4, "ms")
    assert "why_noisy" not in steady.to_json()
    assert Measurement.from_json({**steady.to_json(), "noisy": True}).why_noisy == ()


def test_what_a_plus_minus_says_covers_both_sides() -> None:
    nearly_even = Measurement(0.943, 0.932, 0.9525, 2000, "fraction")
    assert not nearly_even.is_skewed
    assert nearly_even.reach == pytest.approx(0.011)
    assert Measurement(0.997, 0.992, 0.999, 2000, "fraction").is_skewed
    assert not Measurement.exact(5, "bytes").is_skewed


def test_no_plus_minus_goes_beyond_what_a_share_or_a_cost_can_be() -> None:
    assert Measurement(0.9, 0.78, 1.0, 40, "fraction").is_skewed
    assert Measurement(1.0, 0.0, 2.2, 3, "ms").is_skewed
    assert not Measurement(-0.02, -0.05, 0.005, 40, "fraction").is_skewed


def test_a_lower_end_is_raised_to_what_is_known_to_hold_but_not_above_the_value() -> None:
    measured = Measurement(5.0, 3.0, 8.0, 64, "ms")
    assert measured.not_below(4.0) == Measurement(5.0, 4.0, 8.0, 64, "ms")
    assert measured.not_below(2.0) == measured
    assert measured.not_below(6.0).low == 5.0


class TestThroughAnAnchor:
    anchor = Measurement(0.4, 0.3, 0.5, 30, "x")

    def measured(self, ratio: float, name: str = "int8") -> Measurement:
        return Measurement(ratio, 0.98 * ratio, 1.02 * ratio, 20, "x").through(self.anchor, name, "x")

    def test_the_interval_holds_the_anchor_s_error_and_that_among_its_own_does_not(self) -> None:
        found = self.measured(0.9)
        assert found.value == pytest.approx(0.36)
        assert found.anchor == "int8"
        assert found.half_width > 0.25 * found.value
        assert found.own.half_width == pytest.approx(0.02 * found.value)
        milliseconds = found.through(Measurement(2.0, 1.9, 2.1, 9, "ms"), "int8", "ms")
        assert milliseconds.own.half_width == pytest.approx(0.02 * 0.72)

    def test_two_of_one_anchor_are_ranked_by_their_own_errors(self) -> None:
        assert not self.measured(0.9).overlaps(self.measured(0.8))
        assert self.measured(0.9).overlaps(self.measured(0.88))
        assert self.measured(0.9).overlaps(self.measured(0.8, "float"))
        assert self.measured(0.9).overlaps(Measurement.exact(0.3, "x"))

    def test_it_is_kept_in_json_and_widened_with_the_rest(self) -> None:
        found = self.measured(0.9)
        assert Measurement.from_json(found.to_json()) == found
        assert "among" not in Measurement.exact(1.0, "x").to_json()
        wider = found.widened(0.05)
        assert wider.own == found.own.widened(0.05)
        reach = 0.36 * math.hypot(0.25, 0.02, Z_95 * 0.05)
        assert wider.low == pytest.approx(0.36 - reach)
        assert wider.high == pytest.approx(0.36 + reach)

    def test_an_anchor_and_its_interval_come_together(self) -> None:
        with pytest.raises(ValueError, match="come together"):
            Measurement(1.0, 0.9, 1.1, 3, "x", anchor="int8")
        with pytest.raises(ValueError, match=r"expected 1\.0 in"):
            Measurement(1.0, 0.9, 1.1, 3, "x", anchor="int8", among=(1.05, 1.1))
