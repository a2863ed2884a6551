"""Further teachers are asked as the task's model is, and refused where they answer another question."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task
from parefront.testing.networks import plain, random_images, residual

METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"compensate": "none"}}
IMAGES = random_images(64, seed=1)


@pytest.fixture(scope="module")
def builder() -> Builder:
    split = TensorDataset(IMAGES, torch.arange(64) % 10)
    return Builder(Task(plain()[0], split, split, split), METHODS, Target())


class Flat(nn.Module):
    """Nine numbers for each image."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :9]


def test_what_all_of_them_say_is_what_students_learn(builder: Builder) -> None:
    other = residual()[0]
    recipe = Recipe(batch=16, augment=(), teachers=("other.py:make",))
    inputs, taught, _ = Trainer(builder, recipe, None, teachers=[other]).stream.batch(0)
    assert isinstance(inputs, Tensor)
    with torch.no_grad():
        wanted = (builder.traced.net(inputs) + other(inputs)) / 2
    torch.testing.assert_close(taught.outputs, wanted)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Flat(), r"recover.teachers: other.py:make: expected outputs .* output \(10,\), got output \(9,\)"),
        (nn.Conv2d(1, 10, 1), "recover.teachers: other.py:make: fails on the task's inputs: RuntimeError"),
    ],
)
def test_one_that_answers_another_question_is_refused(builder: Builder, module: nn.Module, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        Trainer(builder, Recipe(teachers=("other.py:make",)), None, teachers=[module])


def test_outputs_without_classes_are_not_weighted_by_confidence() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 1, 3))

        def forward(self, images: Tensor) -> Tensor:
            mean: Tensor = self.net(images).mean((2, 3))
            return mean

    split = TensorDataset(IMAGES, torch.zeros(64, 1))
    builder = Builder(Task(Mean().eval(), split, split, split), METHODS, Target())
    recipe = Recipe(teachers=("other.py:make",), teacher_weights="confidence", augment=())
    with pytest.raises(TaskError, match="confidence is of class scores"):
        Trainer(builder, recipe, None, teachers=[Mean().eval()])
