"""Further teachers that the user names: asked as the task's model is, and checked to answer as it does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from ....compressors.recovery.recipe import Recipe
from ....compressors.recovery.teachers import Answer
from ....spaces.errors import TaskError
from ....spaces.messages import one_line
from ....spaces.network.graph import Port
from ....spaces.network.trace import Traced
from ....spaces.tensors.batch import named
from ....spaces.tensors.signature import OUTPUT

Shapes = dict[str, tuple[int, ...]]


def other_teachers(traced: Traced, recipe: Recipe, modules: Sequence[nn.Module]) -> list[Answer]:
    """What asks each of the modules, given as the task's model is given its inputs.

    Args:
        traced: the task's model.
        recipe: what the modules are called, in their order, and how their outputs become one.
        modules: in eval mode.

    Raises:
        TaskError: where one of them does not take the inputs or gives other outputs, or where outputs without classes
            are to be weighted by confidence.
    """
    expected = {port.name: port.shape for port in traced.graph.outputs}
    answers: list[Answer] = [partial(traced.signature.run, module) for module in modules]
    for name, answer in zip(recipe.teachers, answers, strict=True):
        given = _shapes(name, answer, traced)
        if given != expected:
            raise TaskError(
                f"recover.teachers: {name}: expected outputs of the shapes that the task's model gives, "
                f"{_told(expected)}, got {_told(given)}"
            )
    if answers and recipe.teacher_weights == "confidence" and not all(map(_has_classes, traced.graph.outputs)):
        raise TaskError(
            f"recover.teacher_weights: confidence is of class scores (batch, classes, …), and the model gives "
            f"{_told(expected)}; use mean"
        )
    return answers


def _shapes(name: str, answer: Answer, traced: Traced) -> Shapes:
    try:
        with torch.no_grad():
            outputs = answer(traced.example)
    except Exception as error:  # whatever the user's code raises
        raise TaskError(f"recover.teachers: {name}: fails on the task's inputs: {one_line(error)}") from error
    return {name: tuple(part.shape[1:]) for name, part in named(outputs, OUTPUT).items()}


def _has_classes(port: Port) -> bool:
    return len(port.shape) > 0 and port.shape[0] > 1


def _told(shapes: Shapes) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
