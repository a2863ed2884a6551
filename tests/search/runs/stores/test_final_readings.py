"""The mean of two readings, and intervals that hold the truth though each reading alone is too sure of itself."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Z_95, Measurement
from parefront.search.runs.stores.final_readings import PAIRS_KNOWN, averaged, error_of_means, mean_of
from parefront.spaces.policy import Policy

MEMBERS = 200


def reading(value: float, half: float = 0.001, noisy: bool = False) -> Measurement:
    return Measurement(value, value - half, value + half, 20, "x", noisy)


def candidate(trial: int, value: float, **more: float) -> Candidate:
    metrics = {"latency_ratio": reading(value), "accuracy": Measurement.exact(0.9, "fraction")}
    return Candidate(Policy({"a": trial}), metrics, trial=trial, timings={"final_latency": 0.5, **more})


def test_intervals_hold_the_truth_though_readings_differ_by_more_than_they_say() -> None:
    generator, truth = np.random.default_rng(0), 0.3
    first, second = (
        {trial: candidate(trial, truth * float(np.exp(generator.normal(scale=0.03)))) for trial in range(MEMBERS)}
        for _ in range(2)
    )
    means = [c.metrics["latency_ratio"] for c in averaged(first, second).values()]
    assert 0.92 <= np.mean([m.low <= truth <= m.high for m in means]) <= 0.98
    assert np.mean([c.metrics["latency_ratio"].low <= truth <= c.metrics["latency_ratio"].high
                    for c in first.values()]) < 0.2  # fmt: skip
    spread = np.std([m.value for m in means]) / truth
    assert spread == pytest.approx(0.03 / 2**0.5, rel=0.15)


def test_where_readings_agree_their_own_intervals_count() -> None:
    first, second = ({trial: candidate(trial, 0.3 + trial / 1000) for trial in range(10)} for _ in range(2))
    for mean in averaged(first, second).values():
        assert mean.metrics["latency_ratio"].half_width == pytest.approx(0.001)
        assert mean.metrics["latency_ratio"].n == 40


def test_what_was_read_once_is_less_sure_than_what_was_read_twice() -> None:
    first, second = {1: candidate(1, 0.3), 2: candidate(2, 0.3)}, {1: candidate(1, 0.32)}
    merged = averaged(first, second)
    twice, once = (merged[trial].metrics["latency_ratio"] for trial in (1, 2))
    assert once.value == pytest.approx(0.3)
    assert once.half_width > 1.2 * twice.half_width
    assert merged[2].metrics["accuracy"] == first[2].metrics["accuracy"]


def test_where_nothing_was_read_twice_all_stays_as_it_is() -> None:
    first = {1: candidate(1, 0.3), 2: candidate(2, 0.5)}
    assert [c.metrics for c in averaged(first, {}).values()] == [c.metrics for c in first.values()]


def test_values_and_seconds_of_both_readings_count() -> None:
    merged = averaged({1: candidate(1, 0.3)}, {1: candidate(1, 0.32)})
    assert merged[1].metrics["latency_ratio"].value == pytest.approx(0.31)
    assert merged[1].metrics["accuracy"].value == 0.9
    assert merged[1].timings["final_latency"] == pytest.approx(1.0)


def test_of_a_steady_and_a_noisy_reading_the_steady_one_counts_with_what_two_would_differ_by() -> None:
    steady, noisy = reading(0.3), reading(0.5, 0.2, noisy=True)
    assert mean_of((steady, noisy), 0.0) == mean_of((noisy, steady), 0.0) == steady
    once, twice = mean_of((steady, noisy), 0.02), mean_of((steady, steady), 0.02)
    assert once.half_width == pytest.approx(2**0.5 * twice.half_width, rel=0.01)
    assert mean_of((noisy, noisy), 0.0).noisy
    assert error_of_means([(steady, noisy)]) == 0.0


def test_a_single_pair_that_agrees_by_luck_does_not_tell_that_all_do() -> None:
    alike = reading(0.3, half=0.006)
    own = 0.006 / 0.3 / Z_95 / 2**0.5
    assert error_of_means([(alike, alike)]) == pytest.approx(own * (PAIRS_KNOWN / (PAIRS_KNOWN + 1)) ** 0.5)
    assert error_of_means([(alike, alike)] * 100) < 0.25 * own


def test_many_pairs_tell_more_than_their_own_intervals() -> None:
    apart = reading(0.3), reading(0.33)
    assert error_of_means([apart] * 100) == pytest.approx(np.log(1.1) / 2, rel=0.03)


def test_no_bound_of_what_a_device_measures_is_below_zero() -> None:
    """A 99th percentile may differ by more than itself from one reading to the next."""
    first, second = (Measurement(value, value / 2, 2 * value, 64, "ms") for value in (1.0, 9.0))

    assert mean_of((first, second), error=2.0).low == 0.0


def test_what_an_anchor_is_uncertain_by_does_not_average_out_and_tells_nothing_of_the_readings() -> None:
    anchor = Measurement(0.4, 0.3, 0.5, 30, "x")

    def through(value: float) -> Measurement:
        return reading(value, 0.01).through(anchor, "int8", "x")

    pairs = [(through(0.9), through(0.91)), (through(0.8), through(0.79))]
    error = error_of_means(pairs)
    assert error == pytest.approx(error_of_means([(a.own, b.own) for a, b in pairs]))
    mean = mean_of(pairs[0], error)
    assert mean.anchor == "int8"
    assert mean.own == mean_of((pairs[0][0].own, pairs[0][1].own), error)
    assert mean.half_width > 0.24 * mean.value
    assert mean.own.half_width < 0.02 * mean.value
