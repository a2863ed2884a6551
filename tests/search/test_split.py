"""Scores of an artefact on a split: counted, and paired with the uncompressed model on the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.utils.data import TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from parefront.evaluators import emit, open_session, paired_difference, run_outputs, split_inputs
from parefront.search.metric import score
from parefront.search.split import Split

from ..flat import chain, op


@pytest.fixture
def sessions(tmp_path: Path) -> tuple[ort.InferenceSession, ort.InferenceSession]:
    """Two networks whose outputs are their inputs, the second one's with the first two classes exchanged."""
    x = torch.zeros(2, 4)
    nets = [chain(x, same=op("Identity")), chain(x, swap=op("Gather", {1: [1, 0, 2, 3]}, axis=1))]
    artifacts = [emit(net, tmp_path / f"{index}.onnx", x) for index, net in enumerate(nets)]
    first, second = (open_session(artifact.path, threads=1) for artifact in artifacts)
    return first, second


@pytest.fixture
def dataset() -> TensorDataset:
    """Images whose greatest pixel is their class, but for the first five; 25 of each class."""
    labels = torch.arange(100) % 4
    images = torch.nn.functional.one_hot(labels, 4).to(torch.float64)
    labels = torch.where(torch.arange(100) < 5, (labels + 2) % 4, labels)
    return TensorDataset(images, labels)


def test_accuracy_is_the_share_that_is_right(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    split = Split.of("", dataset, "accuracy")
    assert split.inputs.dtype == np.float32
    scores = split.score(sessions[0])
    assert scores.keys() == {"accuracy"}
    assert (scores["accuracy"].value, scores["accuracy"].n) == (0.95, 100)
    assert scores["accuracy"].low < 0.95 < scores["accuracy"].high


def test_once_the_uncompressed_model_is_scored_others_are_compared_image_by_image(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    split = Split.of("", dataset, "accuracy")
    assert split.score_reference(sessions[0])["accuracy"].value == 0.95
    scores = split.score(sessions[1])
    classes, targets = dataset.tensors[0].argmax(1).numpy(), dataset.tensors[1].numpy()
    right = np.array([1, 0, 2, 3])[classes] == targets
    assert scores["accuracy"].value == right.mean()
    assert scores["accuracy_change"] == paired_difference(right, classes == targets)
    assert scores["accuracy_change"].value == pytest.approx(right.mean() - 0.95)
    assert split.score(sessions[0])["accuracy_change"].value == 0
    assert split.score(sessions[0])["divergence"].value == 0
    assert scores["divergence"].unit == "nats"


def test_the_test_splits_metrics_have_a_prefix(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    split = Split.of("test_", dataset, "accuracy")
    assert split.score_reference(sessions[0]).keys() == {"test_accuracy"}
    assert split.score(sessions[1]).keys() == {"test_accuracy", "test_accuracy_change", "test_divergence"}


def test_a_metric_of_the_users_own_is_called_by_its_name(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    share_right = score("share_right", higher_is_better=True)
    split = Split.of("", dataset, MulticlassAccuracy(4, average="micro"), quality=share_right)
    assert split.score_reference(sessions[0])["share_right"].value == pytest.approx(0.95)
    scores = split.score(sessions[1])
    assert scores.keys() == {"share_right", "divergence"}
    assert scores["share_right"].unit == "score"
    assert scores["divergence"].unit == "fraction"


def test_a_limited_split_is_the_same_for_the_same_seed(dataset: TensorDataset) -> None:
    first, same, other = (Split.of("", dataset, "accuracy", 30, seed) for seed in (1, 1, 2))
    assert first.inputs.shape == (30, 4)
    assert (first.inputs == same.inputs).all()
    assert (first.inputs != other.inputs).any()


def test_a_part_has_the_accuracy_of_the_whole_plus_its_own_change(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    split = Split.of("", dataset, "accuracy")
    split.score_reference(sessions[0])
    outputs = run_outputs(sessions[1], split.inputs[:20])
    scores = split.scores(outputs)
    right = outputs.argmax(1) == split.targets[:20]
    before = split.inputs[:20].argmax(1) == split.targets[:20]
    assert scores["accuracy_change"] == paired_difference(right, before)
    assert scores["accuracy"].value == pytest.approx(0.95 + right.mean() - before.mean())
    assert scores["accuracy"].half_width > scores["accuracy_change"].half_width
    assert {m.n for m in scores.values()} == {20}


def test_the_order_is_random_and_the_samples_are_those_of_the_limit(dataset: TensorDataset) -> None:
    split, whole = Split.of("", dataset, "accuracy", 30), Split.of("", dataset, "accuracy")
    assert (whole.targets != dataset.tensors[1].numpy()).any()
    ordered, _ = split_inputs(dataset, 30)
    assert sorted(map(tuple, split.inputs)) == sorted(map(tuple, ordered.astype(np.float32)))
