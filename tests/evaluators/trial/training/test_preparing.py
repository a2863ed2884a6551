"""What a method has trained before the first candidate: once a run, and the same for all that is built in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx
from torch.utils.data import TensorDataset

from parefront.compressors.exits.exit import exits_of, leaving_at
from parefront.compressors.recovery.training import Training
from parefront.compressors.recovery.weights import read_weights
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.shared_files import shared_files, take_prepared
from parefront.evaluators.trial.training import preparing
from parefront.evaluators.trial.training.preparing import prepare
from parefront.spaces.errors import ParefrontError
from parefront.spaces.knob import Choice
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import random_images, residual

STEPS = 12


def split(count: int, seed: int) -> TensorDataset:
    return TensorDataset(random_images(count, seed), torch.arange(count) % 10)


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(residual()[0], split(64, 1), split(64, 2), split(64, 3), split(256, 4))


def made(task: Task, steps: int = STEPS) -> Builder:
    methods: dict[str, dict[str, Any]] = {
        "drop_blocks": {"compensate": "none"},
        "prune_channels": {"round_to": 4, "compensate": "none"},
        "early_exit": {"places": 2, "head": "blocks", "steps": steps},
        "quantize": {},
    }
    return Builder(task, methods, Target())


@pytest.fixture(scope="module")
def folder(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a search that has trained its heads."""
    folder = tmp_path_factory.mktemp("artifacts")
    prepare(made(task), folder, lambda _: None)
    return folder


@pytest.fixture
def prepared(task: Task, folder: Path) -> Builder:
    builder = made(task)
    prepare(builder, folder, lambda phase: pytest.fail(phase))
    return builder


def exit_of(builder: Builder) -> str:
    """The first one, behind the first of four residual blocks; the third changes the shape."""
    return next(knob.name for knob in builder.space if knob.compressor == "early_exit")


def given_early(net: fx.GraphModule, images: Tensor) -> Tensor:
    with torch.no_grad(), leaving_at(net, 0):
        given: Tensor = net(images)
    return given


def error(builder: Builder, policy: Mapping[str, Choice]) -> float:
    """Of what the exit gives against the uncompressed network, on images that nothing was fitted to."""
    images = random_images(256, 9)
    with torch.no_grad():
        theirs = builder.traced.net(images)
    return float((given_early(builder.network(Policy(policy)), images) - theirs).square().mean())


def test_heads_that_were_trained_are_nearer_to_the_network(task: Task, prepared: Builder) -> None:
    opened = {exit_of(prepared): 0.9}
    assert error(prepared, opened) < 0.95 * error(made(task, steps=0), opened)


def test_the_network_itself_stays_as_it_is(prepared: Builder) -> None:
    net, images = prepared.network(Policy({exit_of(prepared): 0.9})), random_images(16, 9)
    with torch.no_grad(), leaving_at(net, 1):
        torch.testing.assert_close(net(images), prepared.traced.net(images))


def test_they_are_trained_once_and_equal_policies_give_equal_files(
    task: Task, folder: Path, prepared: Builder, tmp_path: Path
) -> None:
    """As another process has it, which was given copies of the shared files."""
    assert [file.name for file in shared_files(folder)] == ["prepared-early_exit.safetensors"]
    take_prepared(folder, tmp_path)
    other = made(task)
    prepare(other, tmp_path, lambda phase: pytest.fail(phase))
    policy = Policy({exit_of(prepared): 0.9, **prepared.space.uniform({"quantize": 8})})
    files = [builder.build(policy, tmp_path / "x.onnx").candidate.sha256 for builder in (prepared, other)]
    assert files[0] == files[1]


def test_only_weights_of_heads_are_kept(folder: Path, prepared: Builder) -> None:
    kept = read_weights(folder / "prepared-early_exit.safetensors")
    assert kept
    assert not set(kept) & {name for name, _ in prepared.traced.net.named_parameters()}


def test_a_training_that_is_killed_is_gone_on_with_to_the_same_weights(
    task: Task, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state is kept at every step, and the process ends in the middle of one."""
    monkeypatch.setattr(preparing, "CHECKPOINT_SECONDS", 0.0)
    step, ended = Training.step, list[int]()

    def dying(self: Training) -> float:
        if self.steps == STEPS and self.done == STEPS // 2 and not ended:
            ended.append(self.done)
            raise SystemExit("killed")
        return step(self)

    monkeypatch.setattr(Training, "step", dying)
    monkeypatch.setattr(preparing, "_step", lambda *_: 1.0)  # so that both are trained in float32
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
        if name == "killed":
            with pytest.raises(SystemExit):
                prepare(made(task), tmp_path / name, lambda _: None)
        prepare(made(task), tmp_path / name, lambda _: None)
    killed, whole = (read_weights(tmp_path / name / "prepared-early_exit.safetensors") for name in ("killed", "whole"))
    assert ended
    assert killed.keys() == whole.keys()
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
    assert [file.name for file in (tmp_path / "killed").iterdir()] == ["prepared-early_exit.safetensors"]


def test_behind_other_shapes_heads_are_fitted_again(task: Task, prepared: Builder) -> None:
    """Pruning the channels of the residual stream leaves activations that the trained head cannot read."""
    names = [knob.name for knob in prepared.space if knob.compressor == "prune_channels"]
    policy = {**dict.fromkeys(names, 0.5), exit_of(prepared): 0.9}
    net, plain = (builder.network(Policy(policy)) for builder in (prepared, made(task, steps=0)))
    assert len(exits_of(net)) == 1
    images = random_images(8, 9)
    torch.testing.assert_close(given_early(net, images), given_early(plain, images))


def test_where_blocks_behind_the_exit_are_dropped_the_trained_head_stays(prepared: Builder) -> None:
    blocks = [knob.name for knob in prepared.space if knob.compressor == "drop_blocks"]
    images, opened = random_images(8, 9), {exit_of(prepared): 0.9}
    whole = given_early(prepared.network(Policy(opened)), images)
    torch.testing.assert_close(given_early(prepared.network(Policy({**opened, blocks[-1]: True})), images), whole)


def test_nothing_is_written_where_no_method_asks(task: Task, tmp_path: Path) -> None:
    prepare(made(task, steps=0), tmp_path, lambda phase: pytest.fail(phase))
    assert not list(tmp_path.iterdir())


def test_weights_of_another_network_are_refused(task: Task, folder: Path, tmp_path: Path) -> None:
    take_prepared(folder, tmp_path)
    builder = Builder(task, {"early_exit": {"places": 2, "steps": STEPS}}, Target())
    prepare(builder, tmp_path, lambda phase: pytest.fail(phase))
    with pytest.raises(ParefrontError, match="of another network"):
        builder.network(Policy({exit_of(builder): 0.9}))
