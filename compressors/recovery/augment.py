"""Changes of training images that leave what they show as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx

from ...spaces.tensors.batch import Tensors

KINDS = ("crop", "flip")
SHIFT = 1 / 8
"""Of an image's side: the most that a crop moves it."""
AGREEMENT = 0.85
"""The share of images of which the network has to say the same when they are changed, for a change to be taken."""


@dataclass(frozen=True)
class Augmentation:
    """Crops and flips of images ``(n, channels, height, width)``; anything else passes as it is.

    Attributes:
        kinds: ``crop`` moves an image by up to an eighth of its side, what comes in being mirrored at the edge;
            ``flip`` mirrors half of the images, left to right.
    """

    kinds: tuple[str, ...] = ()

    def __call__(self, inputs: Tensors, draw: np.random.Generator) -> Tensors:
        if not isinstance(inputs, Tensor) or inputs.dim() != 4:
            return inputs
        changed = inputs
        if "crop" in self.kinds:
            changed = _cropped(changed, draw)
        if "flip" in self.kinds:
            flipped = torch.from_numpy(draw.random(len(changed)) < 0.5).view(-1, 1, 1, 1)
            changed = torch.where(flipped, changed.flip(3), changed)
        return changed


def fitting(teacher: fx.GraphModule, images: Tensors, seed: int = 0) -> Augmentation:
    """The changes under which the teacher says of nearly all ``images`` what it said before.

    Digits are told by which way they are turned, animals are not: what may be done to images the uncompressed network
    knows. Only of networks that classify, since of all others the outputs would have to be changed with the inputs.
    """
    if not isinstance(images, Tensor) or images.dim() != 4 or min(images.shape[2:]) < 8:
        return Augmentation()
    with torch.no_grad():
        before = teacher(images)
        if not isinstance(before, Tensor) or before.dim() != 2 or before.shape[1] < 2:
            return Augmentation()
        kinds = []
        for kind in KINDS:
            changed = images.flip(3) if kind == "flip" else Augmentation((kind,))(images, np.random.default_rng(seed))
            same = (teacher(changed).argmax(1) == before.argmax(1)).float().mean()
            if float(same) >= AGREEMENT:
                kinds.append(kind)
    return Augmentation(tuple(kinds))


def _cropped(images: Tensor, draw: np.random.Generator) -> Tensor:
    """Each image moved by its own number of pixels."""
    count, _, height, width = images.shape
    down, right = (max(1, round(side * SHIFT)) for side in (height, width))
    padded = F.pad(images, (right, right, down, down), mode="reflect")
    rows = torch.from_numpy(draw.integers(0, 2 * down + 1, count)).view(-1, 1) + torch.arange(height)
    columns = torch.from_numpy(draw.integers(0, 2 * right + 1, count)).view(-1, 1) + torch.arange(width)
    moved = padded.permute(0, 2, 3, 1)[torch.arange(count).view(-1, 1, 1), rows.unsqueeze(2), columns.unsqueeze(1)]
    return moved.permute(0, 3, 1, 2)
