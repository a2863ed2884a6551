"""The correction finds the factors that data were made with, and knows what it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.search.surrogate import bayes_correction
from parefront.search.surrogate.bayes_correction import Correction


def parts_of(policies: int, knobs: int, seed: int = 0) -> np.ndarray:
    amounts = np.random.default_rng(seed).exponential(size=(policies, knobs))
    return np.asarray(amounts / amounts.sum(axis=1, keepdims=True))


def test_before_any_trial_it_expects_what_the_probes_say() -> None:
    nothing = np.zeros((0, 3))
    correction = Correction.fit(nothing, np.zeros(0), np.zeros(0))
    mean, deviation = correction.predict(parts_of(2, 3), np.array([0.1, 0.2]))
    np.testing.assert_allclose(mean, np.log([0.1, 0.2]))
    assert (deviation > 0.3).all()
    np.testing.assert_allclose(correction.factors, 1.0)


def test_it_learns_which_knobs_probes_were_wrong() -> None:
    parts = parts_of(60, 5)
    wrong = np.array([0.5, -0.5, 0.0, 0.8, 0.0])
    expected = np.random.default_rng(1).uniform(0.05, 0.2, 60)
    measured = expected * np.exp(parts @ wrong)
    correction = Correction.fit(parts[:40], expected[:40], measured[:40])
    mean, deviation = correction.predict(parts[40:], expected[40:])
    assert np.abs(mean - np.log(measured[40:])).max() < 0.1
    assert deviation.max() < 0.2
    assert np.corrcoef(np.log(correction.factors), wrong)[0, 1] > 0.95


def test_it_learns_that_losses_grow_faster_than_their_sum() -> None:
    parts, expected = parts_of(40, 5), np.geomspace(0.01, 0.4, 40)
    correction = Correction.fit(parts, expected, 2 * expected**1.4)
    mean, _ = correction.predict(parts, expected)
    assert np.abs(mean - np.log(2 * expected**1.4)).max() < 0.2


def test_its_intervals_cover_what_comes() -> None:
    generator = np.random.default_rng(2)
    inside = []
    for seed in range(20):
        parts = parts_of(60, 8, seed)
        wrong = generator.normal(0, 0.5, 8)
        expected = generator.uniform(0.05, 0.2, 60)
        measured = expected * np.exp(parts @ wrong + generator.normal(0, 0.1, 60))
        correction = Correction.fit(parts[:30], expected[:30], measured[:30])
        mean, deviation = correction.predict(parts[30:], expected[30:])
        inside += list(np.abs(mean - np.log(measured[30:])) < 1.645 * deviation)
    assert 0.83 < np.mean(inside) < 0.97


def test_the_less_probes_are_expected_to_be_wrong_the_surer_it_is() -> None:
    parts, expected = parts_of(10, 8), np.full(10, 0.1)
    sure, unsure = (Correction.fit(parts[:3], expected[:3], expected[:3], knob_spread=spread) for spread in (0.2, 0.7))
    assert (sure.predict(parts, expected)[1] < unsure.predict(parts, expected)[1]).all()


def test_many_policies_teach_the_same_as_when_they_are_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    parts, expected = parts_of(200, 6), generator.uniform(0.05, 0.2, 200)
    measured = expected * np.exp(parts @ generator.normal(0, 0.5, 6) + generator.normal(0, 0.1, 200))
    by_policies = Correction.fit(parts, expected, measured)
    monkeypatch.setattr(bayes_correction, "MANY", 100)
    by_weights = Correction.fit(parts, expected, measured)
    np.testing.assert_allclose(by_weights.mean, by_policies.mean, atol=1e-10)
    np.testing.assert_allclose(by_weights.covariance, by_policies.covariance, atol=1e-10)
    assert np.isclose(by_weights.noise, by_policies.noise)
