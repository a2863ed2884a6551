"""Outputs against a session run by hand, what is right against counting, stacked splits against single samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from parefront.evaluators.quality.accuracy import correct, split_inputs
from parefront.evaluators.quality.inference import run_outputs
from parefront.spaces.tensors.batch import alone

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
    outputs = alone(run_outputs(conv_net(batch=fixed), images, batch))
    assert outputs.shape == (37, 10)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_no_inputs_are_an_error(conv_net: ConvNet, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="inputs"):
        run_outputs(conv_net(), images[:0])


def test_an_output_that_is_not_finite_is_wrong() -> None:
    outputs = np.array([[0.0, 1.0], [np.nan, 1.0], [0.0, np.inf], [2.0, 1.0]])
    assert correct(outputs, np.array([1, 1, 1, 0])).tolist() == [True, False, False, True]


def test_top_1_accuracy_is_for_classifiers_only() -> None:
    with pytest.raises(ValueError, match=r"\(4, 3, 8, 8\)"):
        correct(np.zeros((4, 3, 8, 8)), np.zeros((4, 8, 8)))


class Squares(Dataset[Any]):
    """A map-style dataset that can only be read item by item."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((2, 2), float(index)), index**2


def test_a_split_is_stacked_item_by_item() -> None:
    inputs, targets = split_inputs(Squares())
    assert inputs.shape == (50, 2, 2)
    assert np.asarray(targets).tolist() == [index**2 for index in range(50)]


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
        assert np.asarray(targets).tolist() == [int(item[1]) for item in items]


def test_an_empty_split_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        split_inputs(TensorDataset(torch.zeros(0, 3), torch.zeros(0)))


def test_ragged_targets_are_a_list() -> None:
    boxes = [(torch.zeros(2), {"boxes": torch.zeros(count, 4)}) for count in range(3)]
    _, targets = split_inputs(boxes)  # type: ignore[arg-type]
    assert isinstance(targets, list)
    assert [len(target["boxes"]) for target in targets] == [0, 1, 2]
