"""Rounded activations and their gradients are PyTorch's own, to the last bit."""

from __future__ import annotations

import pytest
import torch

from parefront.compressors.integers.activations import rounded, rounded_straight

LIMITS = [(-128, 127), (0, 255), (-8, 7)]


def cases(lowest: int, highest: int) -> list[tuple[torch.Tensor, float, int]]:
    """Activations with a scale and a zero point; every third has values halfway between two integers."""
    draw = torch.Generator().manual_seed(0)
    found = []
    for number in range(30):
        scale = float(torch.rand((), generator=draw)) * 0.1 + 1e-4
        zero_point = int(torch.randint(lowest, highest + 1, (), generator=draw))
        x = torch.randn(4, 8, 6, 6, generator=draw) * float(torch.rand((), generator=draw)) * 10
        if number % 3 == 0:
            x = ((x / scale).round() + 0.5) * scale
        found.append((x, scale, zero_point))
    return found


@pytest.mark.parametrize(("lowest", "highest"), LIMITS)
def test_they_are_what_torch_makes_of_them(lowest: int, highest: int) -> None:
    for x, scale, zero_point in cases(lowest, highest):
        wanted = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, lowest, highest)
        assert torch.equal(rounded(x, scale, zero_point, lowest, highest), wanted)
        assert torch.equal(rounded_straight(x, scale, zero_point, lowest, highest), wanted)


@pytest.mark.parametrize(("lowest", "highest"), LIMITS)
def test_so_are_their_gradients(lowest: int, highest: int) -> None:
    for x, scale, zero_point in cases(lowest, highest):
        ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        weights = torch.randn_like(x)
        (rounded_straight(ours, scale, zero_point, lowest, highest) * weights).sum().backward()  # type: ignore[no-untyped-call]
        wanted = torch.fake_quantize_per_tensor_affine(theirs, scale, zero_point, lowest, highest)
        (wanted * weights).sum().backward()  # type: ignore[no-untyped-call]
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)


def test_what_is_given_is_left_as_it_was() -> None:
    x = torch.randn(3, 5)
    before = x.clone()
    rounded(x, 0.1, 0, -128, 127)
    rounded_straight(x.requires_grad_(), 0.1, 0, -128, 127)
    assert torch.equal(x, before)
