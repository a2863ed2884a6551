"""Expected calibration errors: by torchmetrics, by hand, and with intervals that cover what they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from parefront.evaluators.quality.calibration_error import confidence_of, probabilities


def drawn(n: int, scale: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax tells the truth at a scale of 1, and labels drawn by it."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (n, 5))
    labels = np.array([generator.choice(5, p=row) for row in probabilities(logits)])
    return scale * logits, labels


def test_it_is_what_torchmetrics_computes() -> None:
    (after, labels), (before, _) = drawn(600, 2.0), drawn(600, 1.0)
    found = confidence_of(after, before, labels)
    for error, logits in ((found.error, after), (found.error_before, before)):
        wanted = multiclass_calibration_error(torch.tensor(logits), torch.tensor(labels), 5, n_bins=15, norm="l1")
        assert error.value == pytest.approx(float(wanted), abs=1e-6)
    assert found.error_change.value == pytest.approx(found.error.value - found.error_before.value)


def test_a_model_that_became_too_sure_is_told_from_noise() -> None:
    (after, labels), (before, _) = drawn(2000, 3.0), drawn(2000, 1.0)
    found = confidence_of(after, before, labels)
    assert found.error_change.low > 0
    assert found.mean.low > found.mean_before.high
    assert confidence_of(before, before, labels).error_change.value == 0


def test_probabilities_are_taken_as_they_are() -> None:
    logits, labels = drawn(300, 1.0)
    given = probabilities(logits)
    assert np.array_equal(probabilities(given), given)
    assert confidence_of(given, given, labels).error.value == pytest.approx(
        confidence_of(logits, logits, labels).error.value
    )


def test_the_same_samples_give_the_same_intervals() -> None:
    (after, labels), (before, _) = drawn(300, 2.0), drawn(300, 1.0)
    assert confidence_of(after, before, labels) == confidence_of(after, before, labels)
