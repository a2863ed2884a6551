"""Training begins with what a member like it was trained to, where that is nearer to the teacher than its repair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.weights import weights_of, write_weights
from parefront.compressors.target import Target
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.recovery.starts import TRIED, nearest_start, start_from
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import random_images, residual

METHODS: dict[str, dict[str, Any]] = {
    "prune_channels": {"round_to": 4, "compensate": "none"},
    "drop_blocks": {"compensate": "none"},
}
STEPS = 20


def split(count: int, seed: int) -> TensorDataset:
    return TensorDataset(random_images(count, seed), torch.arange(count) % 10)


@pytest.fixture(scope="module")
def builder() -> Builder:
    task = Task(residual()[0], split(64, 1), split(64, 2), split(64, 3), split(256, 4))
    return Builder(task, METHODS, Target())


@pytest.fixture(scope="module")
def trainer(builder: Builder) -> Trainer:
    return Trainer(builder, Recipe(batch=32), builder.context.training)


def pruned(builder: Builder, **others: Any) -> Candidate:
    """Half of the channels of every group, and what the keywords say."""
    names = [knob.name for knob in builder.space if knob.compressor == "prune_channels"]
    return Candidate(Policy({**dict.fromkeys(names, 0.5), **others}), {})


@pytest.fixture(scope="module")
def trained(builder: Builder, trainer: Trainer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Candidate, Path]:
    """A member, and the file of what it was trained to."""
    member, file = pruned(builder), tmp_path_factory.mktemp("recovered") / "trained.safetensors"
    training = trainer.begin(member.policy, STEPS, 0.1)
    for _ in range(STEPS):
        training.step()
    write_weights(file, weights_of(training.finish()))
    return member, file


@pytest.fixture(scope="module")
def member(builder: Builder) -> Candidate:
    """One that was not trained, and keeps all channels of the last group."""
    member = pruned(builder)
    last = list(member.policy)[-1]
    return Candidate(Policy({name: choice for name, choice in member.policy.items() if name != last}), {})


def test_a_member_begins_with_what_one_like_it_was_trained_to(
    trainer: Trainer, trained: tuple[Candidate, Path], member: Candidate
) -> None:
    start = nearest_start(member, [trained], trainer)
    assert start.file == trained[1]
    assert start.divergence < trainer.divergence(member.policy)
    assert start.divergence == trainer.divergence(member.policy, start.weights)


def test_layers_of_another_shape_keep_their_own_repair(
    trainer: Trainer, trained: tuple[Candidate, Path], member: Candidate
) -> None:
    own = weights_of(trainer.begin(member.policy, 0, 0.1).finish())
    held = start_from(member, trained[1], trainer)
    whole = start_from(trained[0], trained[1], trainer)
    assert held is not None
    assert whole is not None
    other = {name for name in own if held[name].shape != whole[name].shape}
    assert other
    assert all(torch.equal(held[name], own[name]) for name in other)
    assert any(torch.equal(held[name], whole[name]) for name in own)


def test_it_begins_with_its_own_repair_where_others_are_farther(
    trainer: Trainer, trained: tuple[Candidate, Path], member: Candidate, tmp_path: Path
) -> None:
    file = tmp_path / "noise.safetensors"
    torch.manual_seed(0)
    held = start_from(trained[0], trained[1], trainer)
    assert held is not None
    write_weights(file, {name: torch.randn_like(tensor) for name, tensor in held.items()})
    start = nearest_start(member, [(trained[0], file)], trainer)
    assert start.file is None
    assert start.weights is None


def test_what_it_was_trained_to_itself_is_gone_on_with(
    trainer: Trainer, trained: tuple[Candidate, Path], member: Candidate
) -> None:
    held = start_from(member, trained[1], trainer)
    start = nearest_start(member, [trained], trainer, held)
    assert start.weights is held
    assert start.file is None


def test_only_the_likest_are_looked_at(
    builder: Builder, trainer: Trainer, trained: tuple[Candidate, Path], member: Candidate, tmp_path: Path
) -> None:
    """Files of the others do not even exist."""
    blocks = [knob.name for knob in builder.space if knob.compressor == "drop_blocks"]
    far = [(pruned(builder, **dict.fromkeys(blocks, True)), tmp_path / "none") for _ in range(TRIED)]
    assert nearest_start(member, [*far, *[trained] * TRIED], trainer).file == trained[1]


def test_a_start_whose_file_is_gone_is_none(trainer: Trainer, member: Candidate, tmp_path: Path) -> None:
    assert start_from(member, tmp_path / "none", trainer) is None
