"""Scores of an artefact on a split: counted, and paired with the uncompressed model on the same images."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.utils.data import TensorDataset
from torchmetrics import MeanSquaredError
from torchmetrics.classification import MulticlassAccuracy

from parefront.evaluators.quality import split_samples
from parefront.evaluators.quality.accuracy import open_session, split_inputs
from parefront.evaluators.quality.scoring.builtin import ACCURACY, BUILT_IN
from parefront.evaluators.quality.scoring.quality import Quality
from parefront.evaluators.results.measurement import paired_difference
from parefront.evaluators.trial.scores import split as split_module
from parefront.evaluators.trial.scores.split import Split
from parefront.spaces.errors import TaskError
from parefront.spaces.network.emit import emit
from parefront.spaces.tensors.batch import alone

from ....flat import chain, op

MSE = Quality.of_torchmetric("mse", MeanSquaredError(), higher_is_better=False)


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
    split = Split.of("", dataset)
    assert alone(split.samples.inputs(0, 100)).dtype == np.float32
    scores = split.score(sessions[0])
    assert scores.keys() == {"accuracy"}
    assert (scores["accuracy"].value, scores["accuracy"].n) == (0.95, 100)
    assert scores["accuracy"].low < 0.95 < scores["accuracy"].high


def test_once_the_uncompressed_model_is_scored_others_are_compared_image_by_image(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    split = Split.of("", dataset)
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
    split = Split.of("test_", dataset)
    assert split.score_reference(sessions[0]).keys() == {"test_accuracy"}
    assert split.score(sessions[1]).keys() == {"test_accuracy", "test_accuracy_change", "test_divergence"}


def test_a_metric_of_the_users_own_is_called_by_its_name(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    share_right = Quality.of_torchmetric("share_right", MulticlassAccuracy(4, average="micro"), higher_is_better=True)
    split = Split.of("", dataset, share_right)
    assert split.score_reference(sessions[0])["share_right"].value == pytest.approx(0.95)
    scores = split.score(sessions[1])
    assert scores.keys() == {"share_right", "share_right_change", "divergence"}
    assert scores["share_right"].unit == "score"
    assert scores["divergence"].unit == "fraction"


def test_a_limited_split_is_the_same_for_the_same_seed(dataset: TensorDataset) -> None:
    first, same, other = (Split.of("", dataset, ACCURACY, 30, seed) for seed in (1, 1, 2))
    inputs = [alone(split.samples.inputs(0, 30)) for split in (first, same, other)]
    assert inputs[0].shape == (30, 4)
    assert (inputs[0] == inputs[1]).all()
    assert (inputs[0] != inputs[2]).any()


def test_a_part_has_the_accuracy_of_the_whole_plus_its_own_change(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = Split.of("", dataset)
    split.score_reference(sessions[0])
    monkeypatch.setattr(split_module, "FIRST_LOOK", 20)
    seen = next(split.growing(sessions[1]))
    scores = split.all_of(seen)
    right = alone(seen.outputs).argmax(1) == split.samples.targets(0, 20)
    before = alone(split.samples.inputs(0, 20)).argmax(1) == split.samples.targets(0, 20)
    assert scores["accuracy_change"] == paired_difference(right, before)
    assert scores["accuracy"].value == pytest.approx(0.95 + right.mean() - before.mean())
    assert scores["accuracy"].half_width > scores["accuracy_change"].half_width
    assert {m.n for m in scores.values()} == {20}


def test_the_order_is_random_and_the_samples_are_those_of_the_limit(dataset: TensorDataset) -> None:
    split, whole = Split.of("", dataset, ACCURACY, 30), Split.of("", dataset)
    assert (np.asarray(whole.samples.targets(0, 100)) != dataset.tensors[1].numpy()).any()
    ordered, _ = split_inputs(dataset, 30)
    assert sorted(map(tuple, split.samples.inputs(0, 30))) == sorted(map(tuple, ordered.astype(np.float32)))


class Listed(list[tuple[torch.Tensor, int]]):
    """Samples that are read one by one."""


def test_reading_batch_by_batch_gives_the_scores_of_stacking(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parefront.evaluators.trial.scores.split.FIRST_LOOK", 16)
    listed = Listed((image.float(), int(label)) for image, label in (dataset[index] for index in range(len(dataset))))
    found = []
    for limit in (2**30, 0):
        monkeypatch.setattr(split_samples, "STACKED_BYTES", limit)
        monkeypatch.setattr(split_samples, "COPIED_BYTES", limit)
        split = Split.of("", listed, ACCURACY, 90, seed=1)
        found.append([split.score_reference(sessions[0]), split.score(sessions[1])])
        found[-1] += [split.all_of(seen) for seen in split.growing(sessions[1])]

    assert found[0] == found[1]
    assert len(found[0]) > 4


def test_a_metric_fed_batch_by_batch_gives_the_scores_of_all_at_once(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = dataset.tensors[0].float()
    maps = TensorDataset(images, images + 0.1 * torch.randn(images.shape))
    found = []
    for limit in (2**29, 30 * images[:1].nbytes * 2):
        monkeypatch.setattr(split_module, "KEPT_BYTES", limit)
        split = Split.of("", maps, MSE)
        found.append([split.score_reference(sessions[0]), split.score(sessions[1])])

    for whole, streamed in zip(*found, strict=True):
        assert whole.keys() == streamed.keys()
        for bound in ("value", "low", "high"):
            assert getattr(streamed["mse"], bound) == pytest.approx(getattr(whole["mse"], bound), rel=1e-5)
    assert found[1][1]["divergence"].n == 30


def test_large_outputs_are_never_held_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Maps:
        def __len__(self) -> int:
            return 512

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.full((64, 64), index / 512), torch.full((64, 64), index / 256)

    x = torch.zeros(2, 64, 64)
    session = open_session(emit(chain(x, same=op("Identity")), tmp_path / "same.onnx", x).path, threads=1)
    monkeypatch.setattr(split_module, "KEPT_BYTES", 2**20)
    monkeypatch.setattr(split_samples, "TARGET_BYTES", 2**20)
    monkeypatch.setattr(split_samples, "STACKED_BYTES", 2**20)
    split = Split.of("", Maps(), MSE)
    tracemalloc.start()
    split.score_reference(session)
    scores = split.score(session)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert scores["mse"].n == 512
    assert peak < 512 * x[:1].nbytes


def test_a_label_that_is_no_class_is_named_when_the_uncompressed_model_is_scored(
    sessions: tuple[ort.InferenceSession, ...], dataset: TensorDataset
) -> None:
    labels = dataset.tensors[1].clone()
    labels[17] = 4
    split = Split.of("test_", TensorDataset(dataset.tensors[0], labels))

    with pytest.raises(TaskError, match=r"task.test: label 4 of sample 17 is out of range; the model has 4 classes"):
        split.score_reference(sessions[0])


def test_scores_of_single_samples_are_compared_one_by_one_and_a_part_tells_of_the_whole(
    sessions: tuple[ort.InferenceSession, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_module, "FIRST_LOOK", 64)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1000, 4, generator=generator)
    data = TensorDataset(images, images + 0.3 * torch.randn(1000, 4, generator=generator))
    split = Split.of("", data, BUILT_IN["mse"])
    before = split.score_reference(sessions[0])["mse"].value
    parts = [split.by_quality(seen) for seen in split.growing(sessions[1])]

    swapped = images[:, [1, 0, 2, 3]]
    errors, whole = ((x - data.tensors[1]).square().mean(1) for x in (swapped, images))
    truth = float((errors - whole).mean())
    assert before == pytest.approx(float(whole.mean()))
    assert parts[-1]["mse"].value == pytest.approx(float(errors.mean()))
    assert [part["mse"].n for part in parts] == [64, 128, 256, 512, 1000]
    for part in parts:
        assert part["mse_change"].low < truth < part["mse_change"].high
        assert part["mse"].value == pytest.approx(before + part["mse_change"].value)
    assert parts[0]["mse_change"].half_width > 2 * parts[-1]["mse_change"].half_width


def test_a_model_that_gives_what_the_uncompressed_one_does_is_not_known_to_do_so_on_all_samples(
    sessions: tuple[ort.InferenceSession, ...],
) -> None:
    data = TensorDataset(torch.randn(100, 4), torch.randn(100, 4))
    split = Split.of("", data, BUILT_IN["mse"])
    split.score_reference(sessions[0])
    change = split.score(sessions[0])["mse_change"]
    assert change.value == 0
    assert change.low < 0 < change.high


def test_ragged_targets_reach_the_metric_as_the_dataset_gives_them(
    sessions: tuple[ort.InferenceSession, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = [(torch.full((4,), float(count)), {"boxes": torch.zeros(count, 4)}) for count in range(70)]

    def agree(outputs: torch.Tensor, targets: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        return (outputs[:, 0] == torch.tensor([len(target["boxes"]) for target in targets])).float()

    for limit in (2**30, 0):
        monkeypatch.setattr(split_samples, "STACKED_BYTES", limit)
        monkeypatch.setattr(split_samples, "COPIED_BYTES", limit)
        monkeypatch.setattr(split_samples, "TARGET_BYTES", limit)
        split = Split.of("", boxes, Quality.per_sample("agree", agree, higher_is_better=True, unit="fraction"))
        assert split.score_reference(sessions[0])["agree"].value == 1.0


def test_of_many_samples_scores_and_targets_alone_are_kept(
    sessions: tuple[ort.InferenceSession, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Many:
        def __len__(self) -> int:
            return 8000

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.full((4,), float(index % 5)), torch.zeros(4)

    for limit in ("STACKED_BYTES", "COPIED_BYTES"):
        monkeypatch.setattr(split_samples, limit, 0)
    split = Split.of("", Many(), BUILT_IN["mse"])
    tracemalloc.start()
    split.score_reference(sessions[0])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    split.score(sessions[1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    numbers = 8 * 8000
    assert held < 3 * 4 * 4 * 8000 + 2 * numbers, "targets, and the reference's outputs and scores"
    assert peak - held < 150 * 8000
