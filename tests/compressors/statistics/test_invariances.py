"""Crops and flips of images, and which of them a network does not mind."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, fx

from parefront.compressors.statistics.invariances import invariances, moved


def test_a_crop_moves_an_image_by_whole_pixels_and_mirrors_the_edge() -> None:
    images = torch.arange(2 * 16 * 16, dtype=torch.float32).view(2, 1, 16, 16)
    changed = moved(images, ("crop",), np.random.default_rng(0))
    assert changed.shape == images.shape
    for image, source in zip(changed, images, strict=True):
        middle = image[0, 4:12, 4:12]
        assert any(
            torch.equal(middle, source[0, 4 + y : 12 + y, 4 + x : 12 + x]) for y in range(-2, 3) for x in range(-2, 3)
        )


def test_only_what_leaves_the_teachers_answers_alone_is_done() -> None:
    class Left(torch.nn.Module):
        """Says on which side an image is brighter: shifts do not matter to it, flips do."""

        def forward(self, images: Tensor) -> Tensor:
            sides = images.mean((1, 2)).chunk(2, dim=1)
            return torch.stack([sides[0].mean(1), sides[1].mean(1)], 1)

    images = torch.zeros(32, 1, 16, 16)
    images[::2, :, :, 2:5] = 1
    images[1::2, :, :, 11:14] = 1
    assert invariances(fx.symbolic_trace(Left()), images) == ("crop",)
    assert invariances(fx.symbolic_trace(Left()), torch.zeros(4, 3)) == ()


def test_a_flip_mirrors_some_of_the_images_and_leaves_the_others() -> None:
    images = torch.arange(8 * 4, dtype=torch.float32).view(8, 1, 1, 4)
    changed = moved(images, ("flip",), np.random.default_rng(0))
    mirrored = [torch.equal(one, source.flip(2)) for one, source in zip(changed, images, strict=True)]
    untouched = [torch.equal(one, source) for one, source in zip(changed, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, untouched, strict=True))
    assert 0 < sum(mirrored) < 8
