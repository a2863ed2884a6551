"""Layers in integers are trained as floats: what is computed is always what the file holds, untrained and trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from parefront.compressors.integers.codes import dequantize, quantize_weight
from parefront.compressors.integers.quantized import FakeQuantize, QuantizedLayer
from parefront.compressors.integers.weight_only import weight_only
from parefront.compressors.integers.weight_quantizer import WeightQuantizer
from parefront.compressors.latent import LatentLayer, computed, straight_through
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit, serialize
from parefront.spaces.network.layers import PaddedConv2d, SequenceLinear
from parefront.testing.networks import NETWORKS

from ..flat import conv, images
from .conftest import Bench, MakeBench

CHOICES: list[Choice] = [8, 4, 3, 2, 1, "w8", "w4", "w3", "w2", "w1"]


def same_padded() -> PaddedConv2d:
    layer = PaddedConv2d(4, 6, 3, 2)
    layer.pads = (0, 1, 0, 1)
    return layer


def images_of(subject: Bench) -> Tensor:
    inputs = subject.calibration.inputs
    assert isinstance(inputs, Tensor)
    return inputs


def fit(net: fx.GraphModule, inputs: Tensor, wanted: Tensor, steps: int = 1, rate: float = 1e-3) -> list[float]:
    """Train ``net`` towards the outputs wanted; the mean squared error before each step."""
    optimiser = torch.optim.Adam(net.parameters(), rate)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.mse_loss(net(inputs), wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("choice", CHOICES)
def test_after_a_step_the_file_is_another_one_and_computes_what_torch_does(
    choice: Choice, bench: MakeBench, tmp_path: Path
) -> None:
    subject = bench("residual", quantize={"bits": [32, choice]})
    net = subject.uniform(quantize=choice)
    inputs = images_of(subject)[:16]
    before = serialize(net, inputs)
    fit(net, inputs, subject.outputs(subject.net, inputs))
    check_parity(open_session(emit(net, tmp_path / "trained.onnx", inputs).path, threads=1), net, inputs)
    assert serialize(net, inputs) != before


@pytest.mark.parametrize("network", NETWORKS)
def test_every_float_weight_is_a_parameter_and_gets_a_gradient(network: str, bench: MakeBench) -> None:
    subject = bench(network, quantize={"bits": [32, 8, "w4"]})
    choices = {f"quantize/{layer.name}": (8, "w4")[index % 2] for index, layer in enumerate(subject.graph)}
    net = subject.apply(choices)
    net(subject.calibration.inputs[:8]).square().sum().backward()
    assert sum(isinstance(module, LatentLayer) for module in net.modules()) == len(subject.graph.layers)
    for layer in subject.graph:
        held = net.get_submodule(layer.name)
        assert torch.equal(held.get_parameter("layer.weight"), subject.net.get_parameter(f"{layer.name}.weight"))
        assert all(p.grad is not None and bool(p.grad.any()) for p in held.parameters())


@pytest.mark.parametrize("rounding", ["nearest", "reconstruct"])
def test_what_two_bits_lost_is_won_back_by_training(rounding: str, bench: MakeBench) -> None:
    subject = bench("plain", quantize={"bits": [32, 2], "rounding": rounding})
    net = subject.uniform(quantize=2)
    losses = fit(net, images_of(subject), subject.outputs(subject.net), steps=25)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("kind", [conv(4, 6), nn.Conv1d(4, 6, 3), same_padded(), nn.Linear(4, 6), SequenceLinear(4, 6)])
def test_another_weight_in_a_layer_gives_what_the_layer_gives_with_it(kind: nn.Module) -> None:
    shape = {nn.Conv1d: (2, 4, 9), nn.Linear: (2, 4), SequenceLinear: (2, 5, 4)}.get(type(kind), (2, 4, 9, 9))
    x, weight = images(*shape), torch.randn_like(kind.get_parameter("weight"))
    got = computed(kind, x, weight, None)
    kind.get_parameter("weight").data = weight
    kind.get_parameter("bias").data.zero_()
    torch.testing.assert_close(got, kind(x))


def test_a_gradient_passes_the_rounding_as_it_is() -> None:
    latent = torch.randn(3, 4, requires_grad=True)
    value = latent.detach().round()
    held = straight_through(latent, value)
    assert torch.equal(held, value)
    (held * torch.arange(12.0).view(3, 4)).sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(latent.grad, torch.arange(12.0).view(3, 4))  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [8, 4, 2, 1])
def test_a_layers_gradient_is_that_of_the_float_layer_with_the_held_weights(bits: int) -> None:
    layer, x = conv(3, 4), images(2, 3, 5, 5)
    quantised = QuantizedLayer(layer, WeightQuantizer(bits), 0.02)
    quantised(x).square().sum().backward()
    plain = conv(3, 4)
    weight, bias = (tensor.detach().clone() for tensor in quantised.held() if tensor is not None)
    plain.weight, plain.bias = nn.Parameter(weight), nn.Parameter(bias)
    plain(x).square().sum().backward()
    for name in ("weight", "bias"):
        torch.testing.assert_close(layer.get_parameter(name).grad, plain.get_parameter(name).grad)


def test_scales_follow_the_weights() -> None:
    layer = conv(3, 4)
    quantised = QuantizedLayer(layer, WeightQuantizer(8), 0.02)
    codes = quantised.codes
    with torch.no_grad():
        layer.weight *= 3
    assert torch.equal(quantised.codes, codes)
    assert torch.equal(quantised.held()[0], dequantize(*quantize_weight(layer.weight)))


def test_rounding_that_was_decided_stays_as_far_from_the_nearest() -> None:
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    nearest, _ = quantize_weight(weight, 4)
    decided = (nearest + torch.tensor([[1, 0, -1, 0, 2, 0]])).clamp(-7, 7).to(torch.int8)
    quantizer = WeightQuantizer(4)
    quantizer.decide(weight, decided)
    assert torch.equal(quantizer.codes(weight)[0], decided)
    assert torch.equal(quantizer.codes(2 * weight)[0], decided)
    assert quantizer.codes(-weight)[0].abs().max() <= 7


@pytest.mark.parametrize("make", [lambda layer: weight_only(layer, 4), lambda layer: weight_only(layer, 1)])
def test_the_state_of_a_trained_layer_can_be_carried_over(make: Any) -> None:
    x = images(2, 40)
    first, second = (make(nn.Linear(40, 5)) for _ in range(2))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))


def test_an_activation_out_of_range_gets_no_gradient() -> None:
    x = torch.tensor([-1.0, 0.5, 9.0], requires_grad=True)
    FakeQuantize(0.02, 0, signed=False)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 0]
