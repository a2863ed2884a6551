"""Images are mixed as both papers say, their labels in the same shares, and always alike for one seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from parefront.compressors.recovery.batches.mixing import MIXINGS, cutmix, mixed, mixup
from parefront.compressors.recovery.losses.outputs import cross_entropy
from parefront.testing.networks import random_images

IMAGES = random_images(16, seed=3)


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_mixup_averages_the_pixels_of_pairs() -> None:
    given, mix = mixup(IMAGES, draw())
    assert 0 < mix.kept < 1
    assert sorted(mix.partners.tolist()) == list(range(16))
    torch.testing.assert_close(given, IMAGES.lerp(IMAGES[mix.partners], 1 - mix.kept))


def test_cutmix_takes_one_rectangle_from_a_partner() -> None:
    shares = []
    for seed in range(200):
        given, mix = cutmix(IMAGES, draw(seed))
        own, others = (given == IMAGES).all(1), (given == IMAGES[mix.partners]).all(1)
        assert bool((own | others).all())
        for taken in ~own[mix.partners != torch.arange(16)]:
            rows, columns = taken.any(1), taken.any(0)
            assert torch.equal(taken, rows[:, None] & columns[None])
            assert taken.float().mean().item() == pytest.approx(1 - mix.kept, abs=1e-6)
        shares.append(mix.kept)
    assert min(shares) < 0.3
    assert max(shares) > 0.97


def test_labels_are_mixed_in_the_shares_of_the_images() -> None:
    _, mix = mixup(IMAGES, draw())
    labels = torch.arange(16) % 5
    outputs = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
    given = cross_entropy(outputs, mix.labels(labels, 5))
    parts = [cross_entropy(outputs, of).item() for of in (labels, labels[mix.partners])]
    assert given.item() == pytest.approx(mix.kept * parts[0] + (1 - mix.kept) * parts[1], rel=1e-5)


@pytest.mark.parametrize("kind", MIXINGS)
def test_it_depends_on_the_seed_alone(kind: str) -> None:
    first, again, other = (mixed((kind,), IMAGES, draw(seed))[0] for seed in (1, 1, 2))
    assert isinstance(first, Tensor)
    assert isinstance(again, Tensor)
    assert isinstance(other, Tensor)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_of_two_ways_each_batch_is_mixed_in_one() -> None:
    ways = set()
    for seed in range(20):
        given, mix = mixed(("crop", "mixup", "cutmix"), IMAGES, draw(seed))
        assert mix is not None
        assert isinstance(given, Tensor)
        ways.add(bool((given == IMAGES).all(1).float().mean() > 0.02))
    assert ways == {True, False}


def test_what_is_no_image_or_not_asked_for_stays_as_it_is() -> None:
    rows = torch.ones(4, 3)
    assert mixed(("mixup",), rows, draw()) == (rows, None)
    assert mixed(("crop",), IMAGES, draw()) == (IMAGES, None)
