"""Networks of policies are trained on the task's training split, or on its calibration samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.trainer import Trainer
from parefront.spaces.errors import TaskError
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import plain, random_images

METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4, "compensate": "none"}}
RECIPE = Recipe(batch=32)


def split(count: int, seed: int, size: int = 16) -> TensorDataset:
    return TensorDataset(random_images(count, seed)[..., :size, :size], torch.arange(count) % 10)


@pytest.fixture(scope="module")
def task() -> Task:
    net, _ = plain()
    return Task(net, split(64, 1), split(64, 2), split(64, 3), split(256, 4))


@pytest.fixture(scope="module")
def builder(task: Task) -> Builder:
    return Builder(task, METHODS, Target())


@pytest.fixture(scope="module")
def policy(builder: Builder) -> Policy:
    return builder.space.uniform({"prune_channels": 0.5})


def test_the_uncompressed_network_is_its_own_teacher(builder: Builder, task: Task) -> None:
    assert Trainer(builder, RECIPE, task.train).divergence(Policy()) == pytest.approx(0.0, abs=1e-9)


def test_training_lowers_the_divergence_and_leaves_the_teacher_alone(
    builder: Builder, task: Task, policy: Policy
) -> None:
    trainer, before = Trainer(builder, RECIPE, task.train), builder.model_sha256
    training = trainer.begin(policy, 20, 0.1)
    while training.done < training.steps:
        training.step()
    trained = dict(training.finish().named_parameters())
    assert trainer.divergence(policy, trained) < 0.7 * trainer.divergence(policy)
    del builder.model_sha256
    assert builder.model_sha256 == before


def test_batches_come_from_the_training_split_with_its_classes(builder: Builder, task: Task) -> None:
    stream = Trainer(builder, replace(RECIPE, augment=()), task.train).stream
    inputs, _, labels = stream.batch(0)
    assert isinstance(task.train, TensorDataset)
    images, classes = task.train.tensors
    assert stream.length == 256
    assert labels is not None
    assert isinstance(inputs, torch.Tensor)
    for image, label in zip(inputs, labels, strict=True):
        row = int((images == image).flatten(1).all(1).nonzero()[0])
        assert classes[row] == label


def test_a_later_round_begins_where_the_one_before_has_stopped(builder: Builder, task: Task, policy: Policy) -> None:
    trainer, asked = Trainer(builder, RECIPE, task.train), list[int]()
    batch = trainer.stream.batch
    trainer.stream.batch = lambda number, precision="float32": asked.append(number) or batch(number, precision)  # type: ignore[method-assign, func-returns-value]
    training = trainer.begin(policy, 3, 0.1, first=5)
    for _ in range(3):
        training.step()
    assert asked == [5, 6, 7]


def test_without_one_the_calibration_samples_serve(builder: Builder) -> None:
    stream = Trainer(builder, RECIPE, None).stream
    assert stream.length == 64
    assert stream.batch(0)[2] is not None


@pytest.mark.parametrize(
    ("given", "said"), [(split(0, 4), "is empty"), (split(32, 4, size=12), r"\(3, 16, 16\).*got.*\(3, 12, 12\)")]
)
def test_a_training_split_of_other_inputs_is_refused(builder: Builder, given: TensorDataset, said: str) -> None:
    with pytest.raises(TaskError, match=f"task.train.*{said}"):
        Trainer(builder, RECIPE, given)
