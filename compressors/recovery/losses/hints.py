"""The losses of a student's activations, with what makes them comparable where its layers are narrower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx, nn

from ....spaces.errors import Infeasible
from ....spaces.tensors.batch import Outputs, Tensors
from ....spaces.tensors.one_thread import one_thread
from ..places import stage_ends, watched
from ..teachers import Teachers
from .features import FEATURE_LOSSES, OF_ANY_WIDTH
from .outputs import rows

FITTED_ON = 64
"""Samples on which the projections of narrower layers begin."""
RIDGE = 1e-4
"""Of the mean square of the student's channels, what is added to it for a solution that is stable."""


class Hints:
    """Compares a student with its teacher at the ends of stages that both have.

    A student's layer of another width than the teacher's is compared through a projection of its channels, a 1 × 1
    convolution that is trained with the student and thrown away afterwards (Romero et al. 2015, section 2.2, with
    convolutions as regressors). Deviation: it begins with the least-squares solution instead of at random, since there
    are few steps to learn it in.

    Args:
        net: the student, ready to be trained.
        teachers: with the places that are compared.
        losses: weights by name; those that are of outputs are left out.
        inputs: on which projections begin, shape ``(n, …)``.
        answers: the nodes whose values are the student's outputs, of which early exits make several; else its own.

    Raises:
        Infeasible: where the student has no end of a stage in common with the teacher.
    """

    def __init__(
        self,
        net: fx.GraphModule,
        teachers: Teachers,
        losses: Mapping[str, float],
        inputs: Tensors,
        answers: Sequence[str] = (),
    ) -> None:
        ends = stage_ends(net, inputs)
        self._places = [place for place in teachers.places if place in ends]
        if not self._places:
            raise Infeasible("nothing of the network's inside can be compared with that of the uncompressed one")
        self._losses = {name: weight for name, weight in losses.items() if name in FEATURE_LOSSES}
        self._net, self._answers = watched(net, [*answers, *(ends[place] for place in self._places)]), len(answers)
        self.projections = nn.ModuleDict()
        if not self._losses.keys() <= OF_ANY_WIDTH:
            self._begin(teachers, inputs[:FITTED_ON])

    def run(self, inputs: Tensors) -> tuple[tuple[Outputs, ...], tuple[Tensor, ...]]:
        """The student's outputs, of each exit, as it gives them without being watched; and its activations."""
        outputs, values = self._net(inputs)
        answers, activations = values[: self._answers], values[self._answers :]
        return answers or (outputs,), activations

    def loss(self, student: tuple[Tensor, ...], teacher: Mapping[tuple[int, ...], Tensor]) -> Tensor:
        """The weighted sum of the losses, each averaged over the places."""
        parts = []
        for index, (place, ours) in enumerate(zip(self._places, student, strict=True)):
            theirs, ours = teacher[place].float(), ours.float()
            for name, weight in self._losses.items():
                here = ours if name in OF_ANY_WIDTH else self._projected(index, ours)
                parts.append(weight * FEATURE_LOSSES[name](here, theirs))
        return torch.stack(parts).sum() / len(self._places)

    def _projected(self, index: int, activation: Tensor) -> Tensor:
        if str(index) not in self.projections:
            return activation
        projected: Tensor = self.projections[str(index)](activation.movedim(1, -1))
        return projected.movedim(-1, 1)

    @one_thread()
    @torch.no_grad()
    def _begin(self, teachers: Teachers, inputs: Tensors) -> None:
        _, ours = self.run(inputs)
        theirs = teachers(inputs).features
        for index, (place, activation) in enumerate(zip(self._places, ours, strict=True)):
            if activation.shape[1] != theirs[place].shape[1]:
                self.projections[str(index)] = _least_squares(activation, theirs[place])


def _least_squares(source: Tensor, target: Tensor) -> nn.Linear:
    """The affine map of the channels of ``source`` that comes nearest to ``target``."""
    x, y = (rows(tensor).double() for tensor in (source, target))
    means = x.mean(0), y.mean(0)
    x, y = x - means[0], y - means[1]
    square = x.T @ x
    ridge = RIDGE * square.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny)
    solved = torch.linalg.solve(square + ridge * torch.eye(len(square), dtype=square.dtype), x.T @ y)
    layer = nn.Linear(source.shape[1], target.shape[1])
    layer.weight.copy_(solved.T)
    layer.bias.copy_(means[1] - means[0] @ solved)
    return layer
