"""Weights as integers: the papers' formulas, worked out here again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parefront.compressors.integers.codes import LARGEST, dequantize, quantize_weight

WEIGHT = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))


def test_ternary_weights_follow_the_papers_threshold_and_scale() -> None:
    codes, scale = quantize_weight(WEIGHT, 2)
    for row, code, one in zip(WEIGHT.numpy(), codes.numpy(), scale.numpy(), strict=True):
        threshold = 0.7 * np.abs(row).mean()
        assert np.array_equal(code, np.where(row > threshold, 1, np.where(row < -threshold, -1, 0)))
        assert one == pytest.approx(np.abs(row[np.abs(row) > threshold]).mean(), rel=1e-6)


def test_binary_weights_are_signs_times_the_mean() -> None:
    codes, scale = quantize_weight(WEIGHT, 1)
    assert np.array_equal(codes.numpy(), np.where(WEIGHT.numpy() >= 0, 1, -1))
    np.testing.assert_allclose(scale.numpy(), np.abs(WEIGHT.numpy()).mean((1, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("bits", [8, 4, 3])
def test_integers_err_by_at_most_half_a_step(bits: int) -> None:
    codes, scale = quantize_weight(WEIGHT, bits)
    assert int(codes.abs().max()) == LARGEST[bits]
    assert ((dequantize(codes, scale) - WEIGHT).abs() <= 0.5001 * scale.view(-1, 1, 1, 1)).all()


@pytest.mark.parametrize("bits", [8, 4, 3, 2, 1])
def test_per_tensor_every_channel_has_the_same_scale(bits: int) -> None:
    codes, scale = quantize_weight(WEIGHT, bits, per_channel=False)
    assert codes.shape == WEIGHT.shape
    assert scale.shape == (6,)
    assert bool((scale == scale[0]).all())


@pytest.mark.parametrize("bits", [8, 4, 3, 2, 1])
def test_a_scale_is_no_smaller_than_the_bias_needs(bits: int) -> None:
    tiny = WEIGHT * 1e-9
    _, scale = quantize_weight(tiny, bits, least=torch.full((6,), 1e-3))
    assert torch.equal(scale, torch.full((6,), 1e-3))
