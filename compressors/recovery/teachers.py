"""Who students learn from: the uncompressed network, and further networks that answer the same question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx

from ...spaces.tensors.batch import Outputs, Tensors, named
from .places import Resolution, watched

Answer = Callable[[Tensors], Outputs | Tensors]
"""What a further teacher gives on a batch: outputs of the names and shapes that the uncompressed network's have."""


@dataclass(frozen=True, eq=False)
class Taught:
    """What the teachers give on one batch.

    Attributes:
        outputs: shape ``(n, …)``, one tensor or several by name, of all teachers in one.
        features: the uncompressed network's activations at the ends of its stages, ``(n, channels, *resolution)``.
    """

    outputs: Outputs
    features: Mapping[Resolution, Tensor] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        parts = [*named(self.outputs, "").values(), *self.features.values()]
        return sum(part.numel() * part.element_size() for part in parts)


class Teachers:
    """Asks all teachers of a batch, and makes one answer of theirs.

    Args:
        net: the uncompressed network, always one of them; never changed.
        others: further ones.
        by_confidence: whether outputs are weighted, sample by sample, by the probability that each teacher gives its
            first class; else each output is the mean of all teachers'. Outputs are class scores then, with the classes
            on axis 1, and a mean of logits is the geometric mean of what they stand for (Hinton, Vinyals, Dean 2015,
            section 1).
        places: the ends of the stages of ``net`` whose activations are told, see :func:`.places.stage_ends`.
    """

    def __init__(
        self,
        net: fx.GraphModule,
        others: Sequence[Answer] = (),
        by_confidence: bool = False,
        places: Mapping[Resolution, str] | None = None,
    ) -> None:
        self.places = dict(places or {})
        self._net = watched(net, list(self.places.values())) if self.places else net
        self._others, self._by_confidence = tuple(others), by_confidence

    def __call__(self, inputs: Tensors) -> Taught:
        """Outputs and features on a batch; without gradients."""
        with torch.no_grad():
            first, features = self._net(inputs) if self.places else (self._net(inputs), ())
            answers = [first, *(other(inputs) for other in self._others)]
            taught = dict(zip(self.places, features, strict=True))
            return Taught(first if len(answers) == 1 else self._joined(answers), taught)

    def _joined(self, answers: Sequence[Outputs | Tensors]) -> Outputs:
        parts = [named(answer, "") for answer in answers]
        joined = {name: self._one(torch.stack([part[name] for part in parts])) for name in parts[0]}
        return joined if isinstance(answers[0], Mapping) else joined[""]

    def _one(self, outputs: Tensor) -> Tensor:
        """One output ``(n, …)`` of those of all teachers, ``(teachers, n, …)``; whole numbers are the first one's."""
        if not outputs.is_floating_point():
            return outputs[0]
        if not self._by_confidence:
            return outputs.mean(0)
        confidence = outputs.float().softmax(2).amax(2, keepdim=True)
        return (outputs * (confidence / confidence.sum(0))).sum(0)
