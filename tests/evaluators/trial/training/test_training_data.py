"""A training split is a dataset, or a loader that decides on batches and augmentation itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.weights import weights_of
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task
from parefront.spaces.tensors.one_thread import one_thread
from parefront.testing.networks import plain, random_images

METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4, "compensate": "none"}}
IMAGES, LABELS = random_images(200, seed=4), torch.arange(200) % 10


@pytest.fixture(scope="module")
def builder() -> Builder:
    split = TensorDataset(IMAGES[:64], LABELS[:64])
    return Builder(Task(plain()[0], split, split, split), METHODS, Target())


def loader(**settings: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(IMAGES, LABELS), batch_size=48, **settings)


def test_a_loaders_batches_are_taken_as_they_come(builder: Builder) -> None:
    trainer = Trainer(builder, Recipe(), loader())
    inputs, taught, labels = trainer.stream.batch(1)
    assert isinstance(inputs, Tensor)
    assert torch.equal(inputs, IMAGES[48:96])
    assert labels is not None
    assert torch.equal(labels, LABELS[48:96])
    with torch.no_grad():
        torch.testing.assert_close(taught.outputs, builder.traced.net(inputs))
    assert trainer.recipe.batch == 48
    assert trainer.stream.batches == 5


def test_what_is_asked_for_comes_on_top_of_its_own_augmentation(builder: Builder) -> None:
    inputs, _, labels = Trainer(builder, Recipe(augment=("mixup",)), loader()).stream.batch(0)
    assert isinstance(inputs, Tensor)
    assert not torch.equal(inputs, IMAGES[:48])
    assert labels is not None
    assert labels.shape == (48, 10)


def test_a_training_from_a_loader_goes_on_to_the_last_bit(builder: Builder) -> None:
    policy = builder.space.uniform({"prune_channels": 0.5})

    def begin() -> Any:
        return Trainer(builder, Recipe(), loader(shuffle=True)).begin(policy, 8, 0.1)

    with one_thread():
        whole, broken, last = begin(), begin(), begin()
        for _ in range(8):
            whole.step()
        for _ in range(6):
            broken.step()
        last.resume({name: tensor.clone() for name, tensor in broken.state().items()})
        for _ in range(2):
            last.step()
        there, here = weights_of(whole.finish()), weights_of(last.finish())
    assert all(torch.equal(there[name], here[name]) for name in there)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (DataLoader(TensorDataset(IMAGES[..., :12], LABELS), batch_size=8), r"\(3, 16, 16\).*got.*\(3, 16, 12\)"),
        (DataLoader(TensorDataset(IMAGES), batch_size=8), r"expected batches \(inputs, targets\)"),
    ],
)
def test_a_loader_of_something_else_is_refused(builder: Builder, given: DataLoader[Any], said: str) -> None:
    with pytest.raises(TaskError, match=f"task.train: {said}|task.train.*{said}"):
        Trainer(builder, Recipe(), given)
