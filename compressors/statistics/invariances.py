"""Crops and flips of images, and which of them leave what a network says of the images as it is."""

from __future__ import annotations

from collections.abc import Collection

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


def moved(images: Tensor, kinds: Collection[str], draw: np.random.Generator) -> Tensor:
    """Images ``(n, channels, height, width)``, each changed by itself.

    Args:
        images: float.
        kinds: ``crop`` moves an image by up to an eighth of its side, what comes in being mirrored at the edge;
            ``flip`` mirrors half of the images, left to right.
        draw: where the numbers come from.
    """
    if "crop" in kinds:
        images = _cropped(images, draw)
    if "flip" in kinds:
        flipped = torch.from_numpy(draw.random(len(images)) < 0.5).view(-1, 1, 1, 1)
        images = torch.where(flipped, images.flip(3), images)
    return images


def invariances(teacher: fx.GraphModule, images: Tensors, seed: int = 0) -> tuple[str, ...]:
    """The changes under which a network says of nearly all ``images`` what it said before.

    Digits are told by which way they are turned, animals are not: what may be done to images the uncompressed network
    knows. Only of networks that classify, since of all others the outputs would have to be changed with the inputs.
    """
    if not isinstance(images, Tensor) or images.dim() != 4 or min(images.shape[2:]) < 8:
        return ()
    with torch.no_grad():
        before = teacher(images)
        if not isinstance(before, Tensor) or before.dim() != 2 or before.shape[1] < 2:
            return ()
        kinds = []
        for kind in KINDS:
            changed = images.flip(3) if kind == "flip" else moved(images, (kind,), np.random.default_rng(seed))
            same = (teacher(changed).argmax(1) == before.argmax(1)).float().mean()
            if float(same) >= AGREEMENT:
                kinds.append(kind)
    return tuple(kinds)


def _cropped(images: Tensor, draw: np.random.Generator) -> Tensor:
    """Each image moved by its own number of pixels."""
    count, _, height, width = images.shape
    down, right = (max(1, round(side * SHIFT)) for side in (height, width))
    padded = F.pad(images, (right, right, down, down), mode="reflect")
    rows = torch.from_numpy(draw.integers(0, 2 * down + 1, count)).view(-1, 1) + torch.arange(height)
    columns = torch.from_numpy(draw.integers(0, 2 * right + 1, count)).view(-1, 1) + torch.arange(width)
    taken = padded.permute(0, 2, 3, 1)[torch.arange(count).view(-1, 1, 1), rows.unsqueeze(2), columns.unsqueeze(1)]
    return taken.permute(0, 3, 1, 2)
