"""Integers: rounded as ONNX Runtime rounds them, weights a channel at a time, biases that fit into 32 bits."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, fx, nn

from parefront.compressors.integers.codes import dequantize, quantize_weight
from parefront.compressors.integers.quantized import FakeQuantize, QuantizedLayer
from parefront.compressors.integers.weight_quantizer import WeightQuantizer
from parefront.evaluators.restore.exact_session import exact_session
from parefront.spaces.network.emit import serialize
from parefront.spaces.network.layers import PaddedConv2d, SequenceLinear

from ...flat import chain, conv, images


def same_padded() -> PaddedConv2d:
    made = PaddedConv2d(4, 6, 3, stride=2)
    made.pads = (0, 1, 0, 1)
    return made


def run(net: fx.GraphModule, x: Tensor, optimise: bool = True) -> np.ndarray:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = serialize(net, x)
    session = exact_session(model) if optimise else ort.InferenceSession(model, options, ["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": x.numpy()})[0])


@pytest.mark.parametrize("signed", [False, True])
def test_rounding_is_that_of_onnx_runtime(signed: bool) -> None:
    point = FakeQuantize(0.03, -5 if signed else 100, signed)
    x = images(1000, 7) * 4
    net = chain(x, point=point)
    np.testing.assert_array_equal(run(net, x), point(x).numpy())


def test_rounding_by_hand() -> None:
    point = FakeQuantize(0.5, 10, signed=False)
    x = torch.tensor([0.0, 0.2, 0.3, -0.8, -9.0, 500.0])
    assert point(x).tolist() == [0.0, 0.0, 0.5, -1.0, -5.0, 122.5]
    assert point.range == (-5.0, 122.5)
    assert FakeQuantize(0.5, 10, signed=True).range == (-69.0, 58.5)


def test_each_channel_of_a_weight_uses_all_its_127_steps() -> None:
    weight = images(8, 3, 3, 3) * torch.logspace(-6, 3, 8).view(-1, 1, 1, 1)
    codes, scale = quantize_weight(weight)
    assert codes.dtype == torch.int8
    assert (codes.flatten(1).abs().amax(1) == 127).all()
    torch.testing.assert_close(scale, weight.abs().flatten(1).amax(1) / 127)
    assert ((dequantize(codes, scale) - weight).abs() <= 0.5001 * scale.view(-1, 1, 1, 1)).all()


def test_seven_bits_stay_within_63() -> None:
    codes, scale = quantize_weight(images(4, 10), full_range=False)
    assert (codes.abs().amax(1) == 63).all()
    assert ((dequantize(codes, scale) - images(4, 10)).abs() <= 0.5001 * scale.view(-1, 1)).all()


def test_a_channel_of_zeros_stays_zero() -> None:
    codes, scale = quantize_weight(torch.zeros(2, 5))
    assert not codes.any()
    assert (scale > 0).all()


def test_a_scale_is_never_less_than_the_least() -> None:
    weight = torch.tensor([[1e-20, -2e-20], [1.0, -0.5]])
    codes, scale = quantize_weight(weight, least=torch.tensor([0.01, 0.001]))
    assert scale.tolist() == pytest.approx([0.01, 1 / 127])
    assert codes.tolist() == [[0, 0], [127, -64]]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (5, 4, 9, 9)),
        (nn.Conv2d(4, 4, 3, groups=4), (5, 4, 9, 9)),
        (same_padded(), (5, 4, 9, 9)),
        (nn.Linear(8, 6), (5, 8)),
        (SequenceLinear(8, 6), (5, 7, 8)),
        (SequenceLinear(8, 6), (5, 3, 4, 8)),
    ],
)
@pytest.mark.parametrize("optimise", [False, True])
def test_a_layer_of_integers_computes_the_same_in_torch_and_in_onnx_runtime(
    layer: nn.Module, shape: tuple[int, ...], optimise: bool
) -> None:
    x = images(*shape)
    point = FakeQuantize(0.02, 128, signed=False)
    net = chain(x, point=point, layer=QuantizedLayer(layer, WeightQuantizer(8), point.scale))
    with torch.no_grad():
        expected = net(x).numpy()
    np.testing.assert_allclose(run(net, x, optimise), expected, rtol=1e-5, atol=1e-5)


def test_weights_and_biases_are_held_as_integers() -> None:
    layer, x = conv(3, 4), images(2, 3, 5, 5)
    before = layer.get_parameter("bias").detach().numpy().copy()
    codes, scale = quantize_weight(layer.weight)
    point = FakeQuantize(0.02, 128, signed=False)
    net = chain(x, point=point, layer=QuantizedLayer(layer, WeightQuantizer(8), point.scale))
    graph = onnx.load_from_string(serialize(net, x)).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    np.testing.assert_array_equal(held["layer.weight"], codes.numpy())
    np.testing.assert_array_equal(held["layer.bias"], np.rint(before / (0.02 * scale.double().numpy())))
    assert held["layer.bias"].dtype == np.int32
    np.testing.assert_allclose(held["layer.bias_scale"], 0.02 * scale.numpy(), rtol=1e-6)


def test_it_computes_with_the_values_that_the_integers_stand_for() -> None:
    layer = conv(3, 4)
    codes, scale = quantize_weight(layer.weight)
    held = QuantizedLayer(layer, WeightQuantizer(8), 0.02)
    weight, bias = held.held()
    assert torch.equal(weight, dequantize(codes, scale))
    assert bias is not None
    steps = bias.detach().double() / (0.02 * scale.double())
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-2)
    assert sum(p.numel() for p in held.parameters()) == sum(p.numel() for p in conv(3, 4).parameters())
