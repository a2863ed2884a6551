"""Torchvision's policies change images of any scale, by a seed, and leave torch's own random numbers alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torchvision import transforms

from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.compressors.recovery.batches.policies import POLICIES, Span, changed_by
from parefront.spaces.errors import ConfigError

PIXELS = torch.randint(0, 256, (12, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
PIXELS[0, :, 0, 0], PIXELS[0, :, 0, 1] = 0, 255
MEAN, DEVIATION = (torch.tensor(v).view(-1, 1, 1) for v in ([0.5, 0.4, 0.3], [0.2, 0.25, 0.3]))
IMAGES = (PIXELS / 255 - MEAN) / DEVIATION
SPAN = Span.of(IMAGES)


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_normalised_images_are_changed_as_their_pixels_are() -> None:
    assert SPAN is not None
    given = changed_by("randaugment", IMAGES, SPAN, draw())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw().integers(2**63)))
        transform = transforms.RandAugment()
        wanted = torch.stack([transform(image) for image in PIXELS])
    torch.testing.assert_close(given, (wanted / 255 - MEAN) / DEVIATION, rtol=0, atol=1e-5)


@pytest.mark.parametrize("policy", POLICIES)
def test_it_depends_on_the_seed_alone(policy: str) -> None:
    assert SPAN is not None
    torch.manual_seed(5)
    first, after = changed_by(policy, IMAGES, SPAN, draw()), torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(first, changed_by(policy, IMAGES, SPAN, draw()))
    assert not torch.equal(first, changed_by(policy, IMAGES, SPAN, draw(1)))
    assert first.shape == IMAGES.shape


def test_an_augmentation_carries_them_out_behind_its_own() -> None:
    given = Augmentation(("crop", "autoaugment"), SPAN)(IMAGES, draw())
    assert isinstance(given, torch.Tensor)
    assert not torch.equal(given, IMAGES)


def test_inputs_that_are_no_pictures_are_refused() -> None:
    assert Span.of(torch.zeros(2, 5, 8, 8)) is None
    with pytest.raises(ConfigError, match="autoaugment is of images of one or three channels"):
        Augmentation(("autoaugment",), Span.of(torch.zeros(2, 7)))


def test_without_torchvision_the_message_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SPAN is not None
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ConfigError, match="pip install torchvision"):
        changed_by("randaugment", IMAGES, SPAN, draw())
