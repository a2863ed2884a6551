"""Outputs against a session run by hand, scores against counting, intervals against theory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset
from torchmetrics import MeanSquaredError
from torchmetrics.classification import MulticlassAccuracy

from parefront.evaluators.quality.accuracy import correct, evaluate, metric_score, run_outputs, split_inputs
from parefront.spaces.errors import Infeasible

ConvNet = Callable[..., Path]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(37, 3, 8, 8)).astype(np.float32)


@pytest.mark.parametrize("fixed", ["batch", 1, 5])
@pytest.mark.parametrize("batch", [1, 10, 64])
def test_outputs_are_those_of_single_images(
    conv_net: ConvNet, images: np.ndarray, fixed: int | str, batch: int
) -> None:
    session = ort.InferenceSession(conv_net(), providers=["CPUExecutionProvider"])
    expected = np.concatenate([session.run(None, {"input": image[None]})[0] for image in images])
    outputs = run_outputs(conv_net(batch=fixed), images, batch)
    assert outputs.shape == (37, 10)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_no_inputs_are_an_error(conv_net: ConvNet, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="inputs"):
        run_outputs(conv_net(), images[:0])


def test_top_1_accuracy_counts_and_says_which_images(conv_net: ConvNet, images: np.ndarray) -> None:
    targets = run_outputs(conv_net(), images).argmax(axis=1)
    targets[:4] = (targets[:4] + 1) % 10
    evaluation = evaluate(conv_net(), images, targets, batch=8, threads=1)
    assert evaluation.score.value == 33 / 37
    assert evaluation.score.unit == "fraction"
    assert evaluation.correct is not None
    assert evaluation.correct.tolist() == [False] * 4 + [True] * 33


def test_an_output_that_is_not_finite_is_wrong() -> None:
    outputs = np.array([[0.0, 1.0], [np.nan, 1.0], [0.0, np.inf], [2.0, 1.0]])
    assert correct(outputs, np.array([1, 1, 1, 0])).tolist() == [True, False, False, True]


def test_top_1_accuracy_is_for_classifiers_only() -> None:
    with pytest.raises(ValueError, match=r"\(4, 3, 8, 8\)"):
        correct(np.zeros((4, 3, 8, 8)), np.zeros((4, 8, 8)))


def test_a_torchmetric_agrees_with_counting_and_with_its_interval(conv_net: ConvNet) -> None:
    generator = np.random.default_rng(3)
    images = generator.normal(size=(2000, 3, 8, 8)).astype(np.float32)
    targets = run_outputs(conv_net(), images).argmax(axis=1)
    wrong = generator.random(2000) < 0.2
    targets[wrong] = (targets[wrong] + 1) % 10
    counted = evaluate(conv_net(), images, targets)
    scored = evaluate(conv_net(), images, targets, metric=MulticlassAccuracy(10, average="micro"))
    assert scored.correct is None
    assert scored.score.value == pytest.approx(counted.score.value)
    assert scored.score.half_width == pytest.approx(counted.score.half_width, rel=0.5)


def test_the_interval_of_a_metric_covers_the_truth_even_where_the_data_are_sorted() -> None:
    generator, covered = np.random.default_rng(5), 0
    for _ in range(100):
        errors = np.sort(generator.normal(size=(400, 1)).astype(np.float32), axis=0)
        measured = metric_score(MeanSquaredError(), errors, np.zeros_like(errors))
        covered += measured.low <= 1.0 <= measured.high
    assert covered >= 88


def test_a_metric_of_three_samples_has_no_interval() -> None:
    assert metric_score(MeanSquaredError(), np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)).noisy


class NanAbove(MeanSquaredError):
    """NaN where the error is above a limit."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def compute(self) -> torch.Tensor:
        value = super().compute()
        return torch.where(value > self.limit, torch.nan, value)


def with_bad(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """400 outputs with an error of 1 or 2, the last ``samples`` of them with one of 100."""
    outputs = np.tile(np.array([[1.0], [2.0]], np.float32), (200, 1))
    outputs[len(outputs) - samples :] = 10.0
    return outputs, np.zeros_like(outputs)


def test_chunks_that_are_nan_are_left_out_of_the_interval() -> None:
    measured = metric_score(NanAbove(7.0), *with_bad(3))
    assert not measured.noisy
    assert 0 < measured.half_width < 1
    assert measured.value == pytest.approx(metric_score(MeanSquaredError(), *with_bad(3)).value)


def test_where_most_chunks_are_nan_the_measurement_is_noisy() -> None:
    assert metric_score(NanAbove(10.0), *with_bad(30)).noisy


def test_a_metric_that_is_nan_on_the_whole_has_no_score() -> None:
    with pytest.raises(Infeasible, match="NanAbove is nan over 400 samples"):
        metric_score(NanAbove(1.0), *with_bad(0))


class Squares(Dataset[Any]):
    """A map-style dataset that can only be read item by item."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((2, 2), float(index)), index**2


def test_a_split_is_stacked_item_by_item() -> None:
    inputs, targets = split_inputs(Squares())
    assert inputs.shape == (50, 2, 2)
    assert targets.tolist() == [index**2 for index in range(50)]


def test_a_limited_split_is_a_repeatable_draw_in_order() -> None:
    inputs, _ = split_inputs(Squares(), limit=10, seed=1)
    drawn = inputs[:, 0, 0]
    assert len(set(drawn)) == 10
    assert (np.diff(drawn) > 0).all()
    assert (split_inputs(Squares(), limit=10, seed=1)[0] == inputs).all()
    assert (split_inputs(Squares(), limit=10, seed=2)[0] != inputs).any()


def test_tensor_datasets_and_their_subsets_give_what_item_by_item_gives() -> None:
    whole = TensorDataset(torch.randn(30, 3), torch.arange(30))
    part = Subset(Subset(whole, list(range(5, 25))), [3, 1, 4, 1])
    for dataset in (whole, part):
        inputs, targets = split_inputs(dataset)
        items = [dataset[index] for index in range(len(dataset))]
        assert (inputs == np.stack([item[0].numpy() for item in items])).all()
        assert targets.tolist() == [int(item[1]) for item in items]


def test_an_empty_split_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        split_inputs(TensorDataset(torch.zeros(0, 3), torch.zeros(0)))
