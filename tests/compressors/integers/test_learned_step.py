"""Gradients of trained steps are those of the paper's formulas, worked out by autograd with rounding left straight."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from parefront.compressors.integers.codes import LARGEST, by_channel, codes_at
from parefront.compressors.integers.learned_step import above_zero, learned_activation, learned_weight
from parefront.compressors.integers.weight_quantizer import WeightQuantizer

GENERATOR = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(5, 3, 3, 3, generator=GENERATOR)
TOWARDS = torch.randn(WEIGHT.shape, generator=GENERATOR)


def rounded(x: Tensor) -> Tensor:
    """Rounding, of which the gradient is one."""
    return x + (x.round() - x).detach()


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_weights_and_their_steps_get_the_gradients_of_clamped_straight_rounding(bits: int) -> None:
    limit = LARGEST[bits]
    step = torch.linspace(0.8, 1.2, 5) / limit
    mine, by_autograd = ((WEIGHT.clone().requires_grad_(), step.clone().requires_grad_()) for _ in range(2))
    held = learned_weight(*mine, codes_at(WEIGHT, step, bits, limit), limit, 27)
    (held * TOWARDS).sum().backward()  # type: ignore[no-untyped-call]
    latent, scale = by_autograd
    value = rounded(torch.clamp(latent / by_channel(scale, latent), -limit, limit)) * by_channel(scale, latent)
    (value * TOWARDS).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(held, value)
    torch.testing.assert_close(mine[0].grad, latent.grad)
    assert scale.grad is not None
    torch.testing.assert_close(mine[1].grad, scale.grad / (27 * limit) ** 0.5)


def test_the_step_of_binary_weights_gets_the_gradient_of_a_factor() -> None:
    step = torch.full((5,), 0.7, requires_grad=True)
    held = learned_weight(WEIGHT, step, WEIGHT.sign().to(torch.int8), 0, 27)
    (held * TOWARDS).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(step.grad, (WEIGHT.sign() * TOWARDS).flatten(1).sum(1) / 27**0.5)


def test_a_binary_weight_beyond_its_step_gets_no_gradient() -> None:
    latent = torch.tensor([[-2.0, -0.5, 0.5, 2.0]], requires_grad=True)
    held = learned_weight(latent, torch.ones(1), latent.detach().sign().to(torch.int8), 0, 4)
    held.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(latent.grad, torch.tensor([[0.0, 1.0, 1.0, 0.0]]))  # type: ignore[arg-type]


@pytest.mark.parametrize(("zero_point", "lowest", "highest"), [(0, 0, 255), (90, 0, 255), (-20, -128, 127)])
def test_activations_and_their_step_get_the_gradients_of_clamped_straight_rounding(
    zero_point: int, lowest: int, highest: int
) -> None:
    x, towards = (torch.randn(4, 3, 5, 5, generator=GENERATOR) for _ in range(2))
    mine, by_autograd = ((x.clone().requires_grad_(), torch.tensor(0.008, requires_grad=True)) for _ in range(2))
    held = learned_activation(*mine, zero_point, lowest, highest)
    (held * towards).sum().backward()  # type: ignore[no-untyped-call]
    values, step = by_autograd
    value = rounded(torch.clamp(values / step, lowest - zero_point, highest - zero_point)) * step
    (value * towards).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(held, value)
    torch.testing.assert_close(mine[0].grad, values.grad)
    assert step.grad is not None
    part = (75 * max(zero_point - lowest, highest - zero_point)) ** -0.5
    torch.testing.assert_close(mine[1].grad, step.grad * part, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [8, 4, 3, 2, 1])
def test_integers_stay_what_they_are_when_their_steps_begin_to_be_trained(bits: int, per_channel: bool) -> None:
    quantizer = WeightQuantizer(bits, per_channel=per_channel)
    if bits == 4:
        codes, _ = quantizer.codes(WEIGHT)
        quantizer.decide(WEIGHT, (codes + 1).clamp_max(7))
    codes, scale = quantizer.codes(WEIGHT)
    moved = quantizer.learn(WEIGHT)
    assert torch.equal(quantizer.codes(moved)[0], codes)
    assert torch.equal(quantizer.codes(moved)[1], scale)
    assert quantizer.step is not None
    assert quantizer.step.shape == ((5,) if per_channel else (1,))


def test_a_step_that_was_taken_across_zero_counts_as_above_it() -> None:
    assert above_zero(torch.tensor([-0.5, 0.0])).tolist() == pytest.approx([0.5, 1e-12])
