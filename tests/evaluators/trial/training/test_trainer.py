"""Networks of policies are trained on the task's training split, or on its calibration samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.batches.sources import Samples
from parefront.compressors.recovery.recipe import FEATURES, Recipe
from parefront.compressors.recovery.steps import held_weights, is_finished
from parefront.compressors.recovery.weights import weights_of
from parefront.compressors.repair.compensate import LeastSquares
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.spaces.errors import TaskError
from parefront.spaces.knob import Choice
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import plain, random_images

METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4, "compensate": "none"}}
RECIPE = Recipe(batch=32)
REPAIRS = ("batch_norm", "least_squares", None)


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


def test_losses_that_are_left_to_the_network_compare_its_inside_where_it_has_stages(
    builder: Builder, task: Task
) -> None:
    trainer = Trainer(builder, Recipe(losses={}), task.train)
    assert trainer.recipe.losses == {"mse": 1.0, "features": FEATURES}
    assert Recipe(losses={}).of_network(has_stages=False).losses == {"mse": 1.0}
    assert Recipe().of_network(has_stages=True) == Recipe()


def test_it_is_compared_at_the_last_stage_or_at_all_of_them(builder: Builder, task: Task) -> None:
    recipes = [Recipe(losses={"mse": 1.0, "features": 1.0}, places=places) for places in ("last", "stages")]
    last, stages = (Trainer(builder, recipe, task.train).stream.teachers.places for recipe in recipes)
    assert len(stages) > 1
    assert list(last.items()) == list(stages.items())[-1:]


def test_batches_come_from_the_training_split_with_its_classes(builder: Builder, task: Task) -> None:
    stream = Trainer(builder, replace(RECIPE, augment=()), task.train).stream
    inputs, _, labels = stream.batch(0)
    assert isinstance(task.train, TensorDataset)
    images, classes = task.train.tensors
    assert isinstance(stream.source, Samples)
    assert stream.source.length == 256
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
    assert isinstance(stream.source, Samples)
    assert stream.source.length == 64
    assert stream.batch(0)[2] is not None


@pytest.mark.parametrize(
    ("given", "said"), [(split(0, 4), "is empty"), (split(32, 4, size=12), r"\(3, 16, 16\).*got.*\(3, 12, 12\)")]
)
def test_a_training_split_of_other_inputs_is_refused(builder: Builder, given: TensorDataset, said: str) -> None:
    with pytest.raises(TaskError, match=f"task.train.*{said}"):
        Trainer(builder, RECIPE, given)


@pytest.mark.parametrize(
    ("bits", "up_to", "wanted"), [(8, 4, False), (4, 4, True), ("w2", 4, True), (8, 8, True), (2, 0, False)]
)
def test_networks_of_few_bits_are_trained_as_their_files_hold_them(
    task: Task, bits: Choice, up_to: int, wanted: bool
) -> None:
    builder = Builder(task, {"quantize": {"bits": [32, bits]}}, Target())
    policy = builder.space.uniform({"quantize": bits})
    trainer = Trainer(builder, replace(RECIPE, integers_up_to=up_to), task.train)
    assert trainer.trains_integers(policy) == wanted
    assert is_finished(held_weights(trainer.begin(policy, 1, 0.1).finish())) == wanted
    assert not trainer.trains_integers(Policy())


def test_a_file_is_built_again_from_what_was_trained_in_integers(task: Task, tmp_path: Path) -> None:
    builders = [Builder(task, {"quantize": {"bits": [32, 2]}}, Target()) for _ in range(2)]
    policy = builders[0].space.uniform({"quantize": 2})
    trainer = Trainer(builders[0], RECIPE, task.train)
    training = trainer.begin(policy, 20, 0.1)
    while training.done < training.steps:
        training.step()
    weights = held_weights(training.finish())
    assert trainer.divergence(policy, weights) < 0.7 * trainer.divergence(policy)
    files = [tmp_path / f"{index}.onnx" for index in range(2)]
    for builder, file in zip(builders, files, strict=True):
        builder.build(policy, file, weights=weights)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_training_begins_from_the_repair_that_the_recipe_names(builder: Builder, task: Task, policy: Policy) -> None:
    methods = {"prune_channels": {"round_to": 4, "compensate": "batch_norm"}}
    pruner = Builder(task, methods, Target())
    others = {repair: Trainer(pruner, replace(RECIPE, repair=repair), None).divergence(policy) for repair in REPAIRS}
    as_asked = others.pop(None)
    assert as_asked == others["batch_norm"]
    assert others["least_squares"] < as_asked < Trainer(builder, RECIPE, None).divergence(policy)


def test_a_repair_is_made_once_for_a_member(
    task: Task, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(LeastSquares, "apply", lambda self, net, context: made.append(self.name))
    builder = Builder(task, {"prune_channels": {"round_to": 4}}, Target())
    trainer = Trainer(builder, replace(RECIPE, norms=False), None)
    trainer.divergence(policy)
    weights = weights_of(trainer.begin(policy, 3, 0.1).net)
    assert made == ["least_squares"]
    trainer.divergence(policy, weights)
    builder.build(policy, tmp_path / "trained.onnx", weights=weights)
    assert made == ["least_squares"], "what gets other weights needs none"


def test_without_a_step_it_ends_as_it_is_repaired(task: Task, policy: Policy) -> None:
    builder = Builder(task, {"prune_channels": {"round_to": 4}}, Target())
    trained = Trainer(builder, replace(RECIPE, repair="batch_norm"), None).begin(policy, 0, 0.1).finish()
    repaired = builder.pipeline.repaired_by(lambda _: "batch_norm")
    expected = repaired.structured(builder.traced.net, policy, builder.context)
    found = weights_of(trained)
    assert all(torch.equal(found[name], tensor) for name, tensor in weights_of(expected).items())
