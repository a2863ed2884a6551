"""Torchvision's learned and random policies of changing images, made to depend on a seed and on images of any scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ....spaces.errors import ConfigError
from ....spaces.tensors.batch import Tensors

POLICIES = ("autoaugment", "randaugment")
"""By the name that a recipe calls them."""
SMALL = 64
"""Pixels of a side, up to which images are changed as AutoAugment was learned for CIFAR-10, beyond as for ImageNet."""


@dataclass(frozen=True)
class Span:
    """The least and the greatest value of each channel, which stand for a pixel of 0 and of 255."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, images: Tensors) -> Span | None:
        """Of images ``(n, channels, height, width)`` of one or three channels; None of anything else."""
        if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] not in (1, 3):
            return None
        low, high = images.amin((0, 2, 3)), images.amax((0, 2, 3))
        return cls(tuple(low.tolist()), tuple(torch.maximum(high, low + 1e-6).tolist()))


def changed_by(policy: str, images: Tensor, span: Span, draw: np.random.Generator) -> Tensor:
    """Each image changed by operations of its own.

    AutoAugment (Cubuk et al. 2019, "AutoAugment: Learning Augmentation Strategies from Data") and RandAugment (Cubuk et
    al. 2020, "RandAugment: Practical Automated Data Augmentation", two operations of magnitude 9 of 30), both as
    torchvision has them. They are of 8-bit pixels: values are rounded to 256 steps of the channel's span meanwhile.

    Args:
        policy: one of :data:`POLICIES`.
        images: float32 ``(n, channels, height, width)``, of one or three channels, normalised in any way by channel.
        span: of the channels.
        draw: the seed of torchvision's draws comes from it; torch's own generator is left as it was.

    Raises:
        ConfigError: where torchvision is not installed.
    """
    transform = _transform(policy, min(images.shape[2:]))
    low, high = (torch.tensor(values).view(-1, 1, 1) for values in (span.low, span.high))
    pixels = ((images - low) / (high - low) * 255).round().clamp(0, 255).to(torch.uint8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw.integers(2**63)))
        moved = torch.stack([transform(image) for image in pixels])
    return moved.to(images.dtype) / 255 * (high - low) + low


def _transform(policy: str, side: int) -> Callable[[Tensor], Tensor]:
    try:
        from torchvision import transforms
    except ImportError:
        raise ConfigError(f"recover.augment: {policy} is torchvision's; pip install torchvision") from None
    if policy == "randaugment":
        made: Callable[[Tensor], Tensor] = transforms.RandAugment()
        return made
    learned = transforms.AutoAugmentPolicy.CIFAR10 if side <= SMALL else transforms.AutoAugmentPolicy.IMAGENET
    made = transforms.AutoAugment(learned)
    return made
