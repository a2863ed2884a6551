"""Trains what policies have left of one task's network, with the uncompressed one as the teacher."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from ...compressors.recovery.augment import Augmentation, fitting
from ...compressors.recovery.losses import squared_error
from ...compressors.recovery.precision import FLOAT32
from ...compressors.recovery.recipe import Recipe
from ...compressors.recovery.stream import Read, Stream
from ...compressors.recovery.training import Training
from ...compressors.recovery.weights import Weights, set_weights
from ...spaces.errors import TaskError
from ...spaces.policy import Policy
from ...spaces.task import Dataset
from ...spaces.tensors.batch import Tensors, named, to_tensors
from ..quality.accuracy import samples_at
from .builder import Builder, classes_of

JUDGED_ON = 256
"""Calibration inputs that the divergence, and what images may be changed by, are judged on."""


class Trainer:
    """Begins the training of policies' networks, all on one stream of batches.

    Args:
        builder: of the task; its calibration inputs are what statistics are taken on.
        recipe: how to train.
        data: the training split; the calibration inputs where None.
        seed: of the order of batches and of augmentation.

    Raises:
        TaskError: where the training split is empty, or has other inputs than the calibration split.
    """

    def __init__(self, builder: Builder, recipe: Recipe, data: Dataset | None, seed: int = 0) -> None:
        self._builder, self.recipe = builder, recipe
        self._judged = builder.calibration.inputs[:JUDGED_ON]
        teacher = builder.context.teacher
        augmentation = fitting(teacher, self._judged) if recipe.augment is None else Augmentation(recipe.augment)
        read, length = _reader(builder, data)
        self.stream = Stream(read, length, teacher, recipe.batch, augmentation, seed)

    def begin(
        self,
        policy: Policy,
        steps: int,
        rate: float,
        precision: str = FLOAT32,
        weights: Weights | None = None,
        first: int = 0,
    ) -> Training:
        """The training of a policy's network, from its repaired weights or from those it was trained to before.

        Raises:
            Infeasible: where the policy has no network.
        """
        net, inputs = self._network(policy, weights), self._builder.calibration.inputs
        return Training(net, self.stream, self.recipe, steps, rate, inputs, precision, first)

    def divergence(self, policy: Policy, weights: Weights | None = None) -> float:
        """Mean squared difference of the outputs from the teacher's, in units of the teacher's variance."""
        with torch.no_grad():
            ours = self._network(policy, weights)(self._judged)
            theirs = self._builder.context.teacher(self._judged)
        pairs = zip(_floats(ours), _floats(theirs), strict=True)
        return float(torch.stack([squared_error(s, t) for s, t in pairs]).mean())

    def _network(self, policy: Policy, weights: Weights | None) -> fx.GraphModule:
        net = self._builder.pipeline.structured(self._builder.traced.net, policy, self._builder.context)
        if weights is not None:
            set_weights(net, weights)
        return net


def _floats(outputs: Any) -> list[Tensor]:
    return [output for output in named(outputs, "").values() if output.is_floating_point()]


def _reader(builder: Builder, data: Dataset | None) -> tuple[Read, int]:
    """What gives training samples by their indices, and how many there are."""
    inputs = builder.calibration.inputs
    if data is None:
        labels = builder.calibration.labels

        def taken(indices: NDArray[np.intp]) -> tuple[Tensors, Tensor | None]:
            rows = torch.from_numpy(indices)
            return inputs[rows], None if labels is None else labels[rows]

        return taken, len(inputs)

    if len(data) == 0:
        raise TaskError("task.train: the dataset is empty; leave it out, and the calibration samples serve")

    def read(indices: NDArray[np.intp]) -> tuple[Tensors, Tensor | None]:
        arrays, targets = samples_at(data, builder.form, indices)  # type: ignore[arg-type]
        return to_tensors(arrays), classes_of(targets)

    first, _ = read(np.zeros(1, np.intp))
    there, here = ({n: tuple(part.shape[1:]) for n, part in named(x, "input").items()} for x in (inputs, first))
    if there != here:
        raise TaskError(f"task.train: expected inputs of the shape that task.calibration has, {there}, got {here}")
    return read, len(data)
