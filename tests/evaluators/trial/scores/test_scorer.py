"""What files score is remembered, so that each is run once."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from parefront.compressors.target import Target
from parefront.evaluators.results.classes.class_counts import LEVEL, chances
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.scores import scorer as module
from parefront.evaluators.trial.scores.scorer import Scorer
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.spaces.tensors.batch import to_tensors
from parefront.testing.networks import plain, random_images


def split(count: int, seed: int) -> TensorDataset:
    images = random_images(count, seed)[..., :16, :16]
    with torch.no_grad():
        return TensorDataset(images, plain()[0](images).argmax(1))


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(plain()[0], split(64, 1), split(200, 2), split(100, 3))


def test_a_network_in_torch_is_looked_at_on_the_first_samples_of_the_search_split(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder, scorer = Builder(task, {"prune_channels": {"round_to": 4}}, Target()), Scorer(task)
    net = builder.network(builder.space.uniform({"prune_channels": 0.5}))
    monkeypatch.setattr(module, "GLIMPSED", 50)
    inputs, labels = scorer.search.samples.read(0, 50)
    with torch.no_grad():
        right = net(to_tensors(inputs)).argmax(1) == torch.as_tensor(labels)
    assert scorer.glimpse(net) == pytest.approx(float(right.float().mean()))
    assert scorer.glimpse(builder.network(Policy())) == 1.0


def test_a_file_that_was_scored_is_not_run_again_to_tell_what_was_gained(task: Task, tmp_path: Path) -> None:
    builder, scorer = Builder(task, {"prune_channels": {"round_to": 4}}, Target()), Scorer(task)
    whole = builder.build(Policy(), tmp_path / "whole.onnx")
    pruned = builder.build(builder.space.uniform({"prune_channels": 0.5}), tmp_path / "pruned.onnx")
    scores = [scorer.score(made.session, sha256=made.candidate.sha256) for made in (whole, pruned)]
    for made in (whole, pruned):
        assert made.candidate.artifact is not None
        made.candidate.artifact.unlink()
    gain = scorer.gain(pruned.candidate, whole.candidate)
    assert gain.value == pytest.approx(scores[1]["accuracy"].value - scores[0]["accuracy"].value)
    assert gain.value < 0


def test_the_test_split_is_told_class_by_class(task: Task, tmp_path: Path) -> None:
    builder, scorer = Builder(task, {"prune_channels": {"round_to": 4}}, Target()), Scorer(task)
    whole = builder.build(Policy(), tmp_path / "whole.onnx").candidate
    pruned = builder.build(builder.space.uniform({"prune_channels": 0.5}), tmp_path / "pruned.onnx").candidate
    assert whole.artifact is not None
    assert pruned.artifact is not None

    tested = scorer.score_on_test(pruned.artifact, whole.artifact)
    metrics, classes = tested.scores, tested.classes

    labels = [int(task.test[index][1]) for index in range(len(task.test))]
    assert {one.label: one.n for one in classes} == {label: labels.count(label) for label in sorted(set(labels))}
    assert sum(one.after for one in classes) / len(labels) == pytest.approx(metrics["test_accuracy"].value)
    change = sum(one.gained - one.lost for one in classes) / len(labels)
    assert change == pytest.approx(metrics["test_accuracy_change"].value)
    assert tested.subgroups == ()
    assert tested.amplification is None
    assert tested.confidence is not None
    assert 0 < tested.confidence.mean.value < 1
    assert tested.flips is not None
    assert tested.flips.n == len(labels)
    assert sum(one.lost + one.gained for one in classes) <= tested.flips.count
    for flip in tested.flips.shown:
        assert flip.label == labels[flip.index]
        assert flip.before != flip.after
        assert flip.picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("as_function", [False, True])
def test_the_test_split_is_told_by_subgroups_where_the_task_has_some(
    task: Task, as_function: bool, tmp_path: Path
) -> None:
    bright = [bool(task.test[index][0].mean() > 0) for index in range(len(task.test))]
    listed, asked = np.array(["dark", "bright"])[np.array(bright, int)], lambda image, _: str(bool(image.mean() > 0))
    builder = Builder(task, {"prune_channels": {"round_to": 4}}, Target())
    whole = builder.build(Policy(), tmp_path / "whole.onnx").candidate.artifact
    pruned = builder.build(builder.space.uniform({"prune_channels": 0.5}), tmp_path / "pruned.onnx").candidate.artifact
    assert whole is not None
    assert pruned is not None

    tested = Scorer(replace(task, subgroups=asked if as_function else listed)).score_on_test(pruned, whole)

    names = {"True": sum(bright), "False": len(bright) - sum(bright)}
    named = {"bright": names["True"], "dark": names["False"]}
    assert {group.label: group.n for group in tested.subgroups} == (names if as_function else named)
    assert sum(group.lost for group in tested.subgroups) == sum(one.lost for one in tested.classes)
    assert tested.amplification is not None
    assert tested.amplification.change.n == len(bright)


def test_damage_that_is_planted_in_one_class_is_found_there_alone(task: Task, tmp_path: Path) -> None:
    labels = torch.tensor([int(task.test[index][1]) for index in range(len(task.test))])
    hurt = int(labels.bincount().argmax())
    net = copy.deepcopy(task.model)
    *_, head = (module for module in net.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        assert head.bias is not None
        head.bias[hurt] -= 10.0
    whole = Builder(task, {"prune_channels": {}}, Target()).build(Policy(), tmp_path / "whole.onnx").candidate
    damaged = Builder(replace(task, model=net), {"prune_channels": {}}, Target())
    file = damaged.build(Policy(), tmp_path / "damaged.onnx").candidate.artifact
    assert file is not None
    assert whole.artifact is not None

    classes = Scorer(task).score_on_test(file, whole.artifact).classes

    assert [one.label for one, chance in zip(classes, chances(classes), strict=True) if chance < LEVEL] == [hurt]
