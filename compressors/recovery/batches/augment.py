"""Changes of training images that leave what they show as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, fx

from ....spaces.errors import ConfigError
from ....spaces.tensors.batch import Tensors
from ...statistics.invariances import invariances, moved
from .policies import POLICIES, Span, changed_by


@dataclass(frozen=True)
class Augmentation:
    """Changes of images ``(n, channels, height, width)``, each alone; anything else passes as it is.

    Attributes:
        kinds: ``crop`` and ``flip``, see :func:`..statistics.invariances.moved`; ``autoaugment`` and ``randaugment``
            are torchvision's, see :mod:`.policies`. Names of :mod:`.mixing`, which mix images with each other, are
            carried out there.
        span: of the images' channels, which torchvision's take.
    """

    kinds: tuple[str, ...] = ()
    span: Span | None = None

    def __post_init__(self) -> None:
        wanted = [kind for kind in self.kinds if kind in POLICIES]
        if wanted and self.span is None:
            raise ConfigError(f"recover.augment: {wanted[0]} is of images of one or three channels, and inputs are not")

    def __call__(self, inputs: Tensors, draw: np.random.Generator) -> Tensors:
        if not isinstance(inputs, Tensor) or inputs.dim() != 4:
            return inputs
        changed = moved(inputs, self.kinds, draw)
        for policy in POLICIES:
            if policy in self.kinds and self.span is not None:
                changed = changed_by(policy, changed, self.span, draw)
        return changed


def fitting(teacher: fx.GraphModule, images: Tensors, seed: int = 0) -> Augmentation:
    """The crops and flips under which the teacher says of nearly all ``images`` what it said before."""
    return Augmentation(invariances(teacher, images, seed))
