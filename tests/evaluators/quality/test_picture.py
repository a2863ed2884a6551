"""Small pictures, read by torchvision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.io import decode_png

from parefront.evaluators.quality.picture import png_of


def decoded(image: np.ndarray) -> np.ndarray:
    return np.asarray(decode_png(torch.frombuffer(bytearray(png_of(image)), dtype=torch.uint8)))


@pytest.mark.parametrize("channels", [1, 3])
def test_it_shows_the_image_from_black_to_white(channels: int) -> None:
    image = np.random.default_rng(0).normal(size=(channels, 20, 28)).astype(np.float32)
    wanted = np.round(255 * (image.astype(float) - image.min()) / (image.max() - image.min()))
    assert np.abs(decoded(image) - wanted).max() <= 1


def test_a_large_image_is_averaged_to_a_small_one() -> None:
    image = np.zeros((3, 100, 224), np.float32)
    image[:, :, 112:] = 1
    shown = decoded(image)
    assert shown.shape == (3, 14, 32)
    assert (shown[:, :, :16] == 0).all()
    assert (shown[:, :, 16:] == 255).all()


def test_an_image_of_one_value_is_black() -> None:
    assert not decoded(np.full((1, 8, 8), 7.0, np.float32)).any()


def test_a_stripe_keeps_its_height() -> None:
    assert decoded(np.random.default_rng(0).normal(size=(1, 2, 100)).astype(np.float32)).shape[1] >= 1


@pytest.mark.parametrize("shape", [(16,), (4, 8, 8), (3, 8), (1, 1, 9)])
def test_nothing_is_made_of_what_is_no_image(shape: tuple[int, ...]) -> None:
    assert png_of(np.zeros(shape, np.float32)) == b""
    assert png_of(np.zeros((3, 8, 8), np.int64)) == b""
