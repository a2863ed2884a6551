"""Static int8: no islands of float between int8 layers, mixed precision by layer, as good as ORT's own quantiser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from torch import Tensor, fx, nn

from parefront.compressors.integers.quantize import Quantize, QuantizeOptions
from parefront.compressors.integers.quantized import FakeQuantize, QuantizedLayer
from parefront.compressors.target import Target
from parefront.evaluators.quality.parity import check_parity
from parefront.evaluators.restore.exact_session import exact_session
from parefront.spaces.network.channels.flow import op_of
from parefront.spaces.network.emit import emit, serialize
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import add, chain, conv, flat, flatten, images, op, pooled, relu
from ..conftest import Bench, MakeBench


def run(net: fx.GraphModule, x: Tensor) -> np.ndarray:
    return np.asarray(exact_session(serialize(net, x), threads=1).run(None, {"input": x.numpy()})[0])


def as_run(net: fx.GraphModule, folder: Path, x: Tensor) -> Counter[str]:
    """The operators that ONNX Runtime runs, once it has fused what it can."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    ort.InferenceSession(serialize(net, x), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(str(folder / "optimised.onnx")).graph.node)


def int8(subject: Bench) -> fx.GraphModule:
    return subject.uniform(quantize=8)


def test_int8_flows_through_a_residual_network_from_end_to_end(bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("residual", quantize={})
    operators = as_run(int8(subject), tmp_path, subject.images[:4])
    assert operators == {
        "QuantizeLinear": 1, "QLinearConv": 10, "QLinearAdd": 4, "QLinearGlobalAveragePool": 1, "Flatten": 1,
        "QGemm": 1,
    }  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_is_turned_into_floats_between_two_int8_layers(network: str, bench: MakeBench, tmp_path: Path) -> None:
    subject = bench(network, quantize={})
    operators = as_run(int8(subject), tmp_path, subject.images[:4])
    assert operators["QuantizeLinear"] == 1
    assert operators["DequantizeLinear"] <= 1
    assert not operators.keys() & {"Conv", "FusedConv", "Add", "Concat", "Mul", "Gemm", "Sigmoid", "Clip", "Relu"}


def test_channels_that_are_split_sliced_and_padded_stay_int8(bench: MakeBench, tmp_path: Path) -> None:
    x = images(8, 3, 8, 8)
    moved = op("Slice", {1: [0, 0], 2: [99, 99], 3: [2, 3], 4: [2, 2]})
    apart, together = op("Reshape", {1: [0, 2, 8, 4, 4]}), op("Reshape", {1: [0, 16, 4, 4]})
    turned = op("Transpose", perm=[0, 2, 1, 3, 4])
    net = chain(
        x[:1], a=conv(3, 16), act=relu(), slice=moved, apart=apart, turned=turned, together=together, b=conv(16, 4)
    )
    operators = as_run(int8(bench(net, x, quantize={})), tmp_path, x)
    assert (operators["QuantizeLinear"], operators["DequantizeLinear"], operators["QLinearConv"]) == (1, 1, 2)


def test_data_that_only_moves_keeps_its_scale(bench: MakeBench) -> None:
    net = int8(bench("plain", quantize={}))
    (pool,) = [node for node in net.graph.nodes if op_of(net, node) == "MaxPool"]
    before, after = (net.get_submodule(str(n.target)) for n in (pool.all_input_nodes[0], next(iter(pool.users))))
    assert before is after


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("network", NETWORKS)
def test_mixed_precision_computes_the_same_in_torch_and_in_onnx_runtime(
    network: str, seed: int, bench: MakeBench, tmp_path: Path
) -> None:
    subject = bench(network, quantize={})
    generator = np.random.default_rng(seed)
    chosen = [layer.name for layer in subject.graph if generator.random() < 0.5]
    net = subject.apply({f"quantize/{name}": 8 for name in chosen})
    for layer in subject.graph:
        module = net.get_submodule(layer.name)
        assert isinstance(module, QuantizedLayer) == (layer.name in chosen)
        if layer.name not in chosen:
            whole = subject.net.get_submodule(layer.name)
            assert torch.equal(module.get_parameter("weight"), whole.get_parameter("weight"))
    artifact = emit(net, tmp_path / "mixed.onnx", subject.images[:4])
    assert check_parity(exact_session(artifact.path, threads=1), net, subject.images) < 0.01


@pytest.mark.parametrize("network", ["plain", "residual"])
def test_a_single_layer_that_stays_in_float_is_run_in_float(network: str, bench: MakeBench, tmp_path: Path) -> None:
    """ONNX Runtime would quantise the weights of a float layer between two int8 ones, with one scale for the layer."""
    subject = bench(network, quantize={})
    convolutions = [layer.name for layer in subject.graph if layer.kind == "conv"]
    for left in convolutions:
        net = subject.apply({f"quantize/{layer.name}": 8 for layer in subject.graph if layer.name != left})
        assert as_run(net, tmp_path, subject.images[:4])["QLinearConv"] == len(convolutions) - 1
        difference = run(net, subject.images) - subject.outputs(net).numpy()
        assert np.sqrt((difference**2).mean()) < 0.01 * subject.outputs(net).numpy().std()


def test_a_linear_layer_in_float_between_two_int8_ones_is_run_in_float(bench: MakeBench, tmp_path: Path) -> None:
    x = images(64, 6)
    net = chain(x[:1], a=nn.Linear(6, 16), act=relu(), b=nn.Linear(16, 12), act2=relu(), c=nn.Linear(12, 4))
    mixed = bench(net, x, quantize={}).apply({"quantize/a": 8, "quantize/c": 8})
    assert as_run(mixed, tmp_path, x)["QGemm"] == 2
    with torch.no_grad():
        np.testing.assert_allclose(run(mixed, x), mixed(x).numpy(), atol=1e-5)


class Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: np.ndarray) -> None:
        self.rest = iter(inputs[:, None])

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.rest, None)
        return None if image is None else {"input": image}


def by_onnx_runtime(subject: Bench, folder: Path) -> np.ndarray:
    """Outputs of the network quantised by ``quantize_static``: U8S8, per channel, min-max, on the same images."""
    source = emit(subject.net, folder / "float.onnx", subject.images[:4]).path
    quantize_static(
        source, folder / "theirs.onnx", Reader(subject.images.numpy()), quant_format=QuantFormat.QDQ,
        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )  # fmt: skip
    inputs = subject.images.numpy()
    return np.asarray(exact_session(folder / "theirs.onnx", threads=1).run(None, {"input": inputs})[0])


@pytest.mark.parametrize("network", ["plain", "residual"])
def test_outputs_are_those_of_onnx_runtimes_own_quantiser(network: str, bench: MakeBench, tmp_path: Path) -> None:
    subject = bench(network, quantize={"ranges": "min_max", "bias_correction": False})
    whole = subject.outputs(subject.net).numpy()
    ours, theirs = run(int8(subject), subject.images), by_onnx_runtime(subject, tmp_path)
    our_error, their_error = (float(np.sqrt(np.mean((o - whole) ** 2)) / whole.std()) for o in (ours, theirs))
    assert our_error < 1.1 * their_error
    assert np.sqrt(np.mean((ours - theirs) ** 2)) / whole.std() < 0.02
    assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.95


@pytest.mark.parametrize("ranges", ["min_max", "percentile", "mse"])
def test_every_kind_of_range_stays_near_the_float_network(ranges: str, bench: MakeBench) -> None:
    subject = bench("residual", quantize={"ranges": ranges})
    assert subject.error(int8(subject)) < 0.08


def test_the_bias_takes_up_the_mean_error_of_the_weights(bench: MakeBench) -> None:
    """Without padding, and with inputs that are rounded already, the mean output is kept exactly."""
    x = torch.randint(0, 256, (32, 3, 6, 6), generator=torch.Generator().manual_seed(0)).float() / 255
    net = chain(x[:1], a=nn.Conv2d(3, 8, 3))
    shifts = {}
    for correction in (True, False):
        subject = bench(net, x, quantize={"bias_correction": correction, "ranges": "min_max", "images": 32})
        layer = int8(subject).get_submodule("a")
        shifts[correction] = float((layer(x) - net(x)).detach().mean((0, 2, 3)).abs().max())
    assert shifts[True] < 0.2 * shifts[False]


def test_the_bias_is_corrected_in_grouped_and_linear_layers_too(bench: MakeBench) -> None:
    x = torch.randint(0, 256, (64, 8), generator=torch.Generator().manual_seed(0)).float() / 255
    cases = [
        (chain(x[:1], a=nn.Linear(8, 6)), x),
        (chain(x[:1, :, None, None], a=nn.Conv2d(8, 12, 1, groups=4)), x[:, :, None, None]),
    ]
    for net, inputs in cases:
        shifts = {}
        for correction in (True, False):
            options = {"bias_correction": correction, "ranges": "min_max"}
            layer = int8(bench(net, inputs, quantize=options)).get_submodule("a")
            shifts[correction] = float((layer(inputs) - net(inputs)).detach().flatten(1).mean(0).abs().max())
        assert shifts[True] < 0.05 * shifts[False]


def test_channels_without_weights_keep_their_bias(bench: MakeBench) -> None:
    """As training with weight decay leaves them: γ next to zero, β not."""
    x = images(64, 3, 8, 8)
    stem = conv(3, 8)
    stem.weight.data *= torch.tensor([0, 1e-30, 1e-20, 1e-10, 1e-8, 1e-4, 1, 1]).view(-1, 1, 1, 1)
    stem.bias = nn.Parameter(torch.full((8,), 0.337))
    net = chain(
        x[:1], stem=stem, act=relu(), b=conv(8, 8), act2=relu(), pool=pooled(), flat=flatten(), head=nn.Linear(8, 4)
    )
    subject = bench(net, x, quantize={})
    quantised = int8(subject)
    assert subject.error(quantised) < 0.02
    np.testing.assert_allclose(run(quantised, x), subject.outputs(quantised).numpy(), atol=0.02)


def test_a_layer_that_is_used_twice_is_quantised_for_each_use(bench: MakeBench) -> None:
    """The rebuild has made two of it; each has the scale of what it reads."""
    x = images(64, 3, 8, 8)
    shared = conv(8, 8)
    again = conv(8, 8)
    again.load_state_dict(shared.state_dict())
    net = chain(x[:1], stem=conv(3, 8), act=relu(), once=shared, act2=relu(), twice=again, act3=relu(), head=conv(8, 4))
    layers = [int8(bench(net, x, quantize={})).get_submodule(name) for name in ("once", "twice")]
    assert all(isinstance(layer, QuantizedLayer) for layer in layers)
    assert len({layer.input_scale for layer in layers if isinstance(layer, QuantizedLayer)}) == 2


def points(net: fx.GraphModule) -> list[FakeQuantize]:
    return [module for module in net.modules() if isinstance(module, FakeQuantize)]


def quantised_for(target: Target, bench: MakeBench, **options: Mapping[str, Any]) -> fx.GraphModule:
    return int8(replace(bench("residual", quantize={}, **options), target=target))


@pytest.mark.parametrize("signed", [False, True])
def test_activations_are_signed_where_the_device_wants_them_so(signed: bool, bench: MakeBench) -> None:
    net = quantised_for(Target(signed_activations=signed), bench)
    assert {point.signed for point in points(net)} == {signed}
    held = onnx.load_from_string(serialize(net, images(2, 3, 16, 16))).graph.initializer
    kinds = {tensor.data_type for tensor in held if tensor.name.endswith(".zero_point")}
    assert kinds == {onnx.TensorProto.INT8 if signed else onnx.TensorProto.UINT8}


def test_weights_stay_in_seven_bits_where_products_saturate(bench: MakeBench) -> None:
    net = quantised_for(Target(full_range_weights=False), bench)
    codes = [module.codes for module in net.modules() if isinstance(module, QuantizedLayer)]
    assert max(int(code.abs().max()) for code in codes) == 63


def test_activations_that_rounding_does_are_taken_out(bench: MakeBench) -> None:
    for network, gone in (("residual", "relu"), ("depthwise", "clip")):
        net = int8(bench(network, quantize={}))
        left = [str(node.target) for node in net.graph.nodes if gone in str(node.target)]
        assert [name for name in left if not name.endswith("_quantized")] == []


def test_an_activation_that_others_read_before_it_stays(bench: MakeBench) -> None:
    x = images(16, 3, 6, 6)
    net = flat(
        x[:1], ("a", conv(3, 4), ("input",)), ("act", relu(), ("a",)), ("b", conv(4, 4), ("act",)),
        ("sum", add(), ("a", "b")), ("c", conv(4, 2), ("sum",)),
    )  # fmt: skip
    subject = bench(net, x, quantize={})
    quantised = int8(subject)
    assert "act" in {str(node.target) for node in quantised.graph.nodes}
    assert subject.error(quantised) < 0.03


def test_only_so_many_images_are_looked_at(bench: MakeBench) -> None:
    x = images(32, 3, 6, 6)
    x[8:] *= 100
    net = chain(x[:1], a=conv(3, 4), act=relu(), b=conv(4, 2))
    few, all_of_them = (int8(bench(net, x, quantize={"images": n, "ranges": "min_max"})) for n in (8, 32))
    assert max(p.scale for p in points(all_of_them)) > 20 * max(p.scale for p in points(few))


def test_without_a_choice_of_bits_there_are_no_knobs(bench: MakeBench) -> None:
    (made,) = bench("plain", quantize={"bits": [32]}).compressors
    assert made.plan(bench("plain").graph).knobs == []


def test_a_layer_that_is_gone_is_passed_over(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={"compensate": "none"}, quantize={})
    both = subject.apply({"drop_blocks/2": True, "quantize/2.conv1.0": 8, "quantize/0.0": 8})
    assert isinstance(both.get_submodule("0.0"), QuantizedLayer)
    assert "2.conv1.0" not in dict(both.named_modules())


@pytest.mark.parametrize(("choice", "alike"), [(8, 8), (4, 8), (2, 8), ("w4", 32), (32, 32)])
def test_integers_run_as_int8_and_integer_weights_alone_as_floats(choice: int | str, alike: int) -> None:
    quantize = Quantize(QuantizeOptions(bits=(8, "w4", 4, 2)))
    assert quantize.plan(specimen("plain").graph).runs_as(choice) == alike
