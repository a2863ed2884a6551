"""Images of a batch mixed with each other, and their labels with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ....spaces.tensors.batch import Tensors

ALPHA = 1.0
"""Of the distribution Beta(α, α) that shares are drawn from; both papers' for CIFAR."""


@dataclass(frozen=True, eq=False)
class Mix:
    """How the images of a batch were mixed.

    Attributes:
        partners: the index of the image that each one was mixed with, shape ``(n,)``.
        kept: the share of each image that is its own.
    """

    partners: Tensor
    kept: float

    def labels(self, labels: Tensor, classes: int) -> Tensor:
        """Class indices ``(n,)`` as probabilities ``(n, classes)``, mixed as the images are."""
        whole = F.one_hot(labels, classes).float()
        return self.kept * whole + (1 - self.kept) * whole[self.partners]


def mixup(images: Tensor, draw: np.random.Generator) -> tuple[Tensor, Mix]:
    """Each image's pixels averaged with those of another one.

    Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", section 2, with one share for the batch.
    """
    mix = Mix(torch.from_numpy(draw.permutation(len(images))), float(draw.beta(ALPHA, ALPHA)))
    return mix.kept * images + (1 - mix.kept) * images[mix.partners], mix


def cutmix(images: Tensor, draw: np.random.Generator) -> tuple[Tensor, Mix]:
    """A rectangle of each image taken from another one.

    Yun et al. 2019, "CutMix", eq. 1 and 2, with one rectangle for the batch; what lies beyond the edge is cut off, and
    the share is that of the pixels.
    """
    partners = torch.from_numpy(draw.permutation(len(images)))
    side = (1 - float(draw.beta(ALPHA, ALPHA))) ** 0.5
    height, width = images.shape[2:]
    (top, bottom), (left, right) = (_stretch(size, side, draw) for size in (height, width))
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[partners, :, top:bottom, left:right]
    return mixed, Mix(partners, 1 - (bottom - top) * (right - left) / (height * width))


MIXINGS: dict[str, Callable[[Tensor, np.random.Generator], tuple[Tensor, Mix]]] = {"mixup": mixup, "cutmix": cutmix}
"""By the name that a recipe calls them."""


def mixed(kinds: tuple[str, ...], inputs: Tensors, draw: np.random.Generator) -> tuple[Tensors, Mix | None]:
    """Images ``(n, channels, height, width)`` mixed in one of the ways among ``kinds``, drawn for the batch.

    Anything else than images, and all where no way is among them, stays as it is.
    """
    ways = [kind for kind in kinds if kind in MIXINGS]
    if not ways or not isinstance(inputs, Tensor) or inputs.dim() != 4:
        return inputs, None
    return MIXINGS[ways[int(draw.integers(len(ways)))]](inputs, draw)


def _stretch(size: int, share: float, draw: np.random.Generator) -> tuple[int, int]:
    """A stretch of that share around a pixel that is drawn, as far as it lies within."""
    middle, half = int(draw.integers(size)), round(size * share) // 2
    return max(0, middle - half), min(size, middle + half)
