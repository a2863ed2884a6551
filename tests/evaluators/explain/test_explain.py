"""What costs time in a model is named: cases planted in a chain of convolutions, run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.explain.explain import Explanation, explain

QUICK = LatencyProtocol(min_samples=32, min_seconds=0.1, max_seconds=0.3, warmup_seconds=0.05)
SIZE = 16


@dataclass(frozen=True)
class Layer:
    """A convolution of the chain, with a ReLU (or what else) behind it; ``int8`` with conversions around it."""

    name: str
    inputs: int = 64
    outputs: int = 64
    kernel: int = 3
    int8: bool = False
    activation: str = "Relu"


def chain(path: Path, layers: Sequence[Layer]) -> Path:
    """The ONNX file of convolutions one behind the other."""
    nodes: list[NodeProto] = []
    held: dict[str, Any] = {}
    flow, generator = "input", np.random.default_rng(0)
    for layer in layers:
        name, weight = layer.name, f"{layer.name}.weight"
        shape = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
        values = (generator.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        if layer.int8:
            flow = _converted(nodes, held, flow, f"{name}_in", 0.05, np.uint8(128))
            held |= {weight: np.clip(values / 0.01, -127, 127).astype(np.int8), f"{weight}_scale": np.float32(0.01)}
            held[f"{weight}_zero"] = np.int8(0)
            nodes.append(
                helper.make_node(
                    "DequantizeLinear",
                    [weight, f"{weight}_scale", f"{weight}_zero"],
                    [f"{weight}_float"],
                    f"{weight}_dequantize",
                )
            )
            weight = f"{weight}_float"
        else:
            held[weight] = values
        pads = [layer.kernel // 2] * 4
        nodes.append(helper.make_node("Conv", [flow, weight], [f"{name}:out"], name, pads=pads))
        nodes.append(helper.make_node(layer.activation, [f"{name}:out"], [f"{name}_activated"], f"{name}_activation"))
        flow = f"{name}_activated"
        if layer.int8:
            flow = _converted(nodes, held, flow, f"{name}_behind", 0.05, np.uint8(0))
    nodes.append(helper.make_node("GlobalAveragePool", [flow], ["output"], "pool"))
    graph = helper.make_graph(
        nodes, "chain",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, layers[0].inputs, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, layers[-1].outputs, 1, 1])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _converted(nodes: list[NodeProto], held: dict[str, Any], flow: str, name: str, scale: float, zero: np.uint8) -> str:
    """Quantised and dequantised again."""
    held |= {f"{name}_scale": np.float32(scale), f"{name}_zero": zero}
    terms = [f"{name}_scale", f"{name}_zero"]
    nodes.append(helper.make_node("QuantizeLinear", [flow, *terms], [f"{name}_integers"], f"{name}_quantize"))
    nodes.append(helper.make_node("DequantizeLinear", [f"{name}_integers", *terms], [f"{name}_float"], name))
    return f"{name}_float"


@pytest.fixture
def explained(device: Device, tmp_path: Path) -> Callable[..., Explanation]:
    plain = [Layer(f"conv{index}") for index in range(5)]

    def run(layers: Sequence[Layer], base: Sequence[Layer] = plain) -> Explanation:
        return explain(device, chain(tmp_path / "model.onnx", layers), chain(tmp_path / "base.onnx", base), QUICK)

    return run


Explained = Callable[..., Explanation]


def test_an_island_in_int8_is_the_first_finding(explained: Explained) -> None:
    layers = [Layer(f"conv{index}", int8=index == 2) for index in range(5)]
    first, *_ = explained(layers).findings
    assert (first.kind, first.layers) == ("island", ("conv2",))
    assert "int8 amid float" in first.text


def test_an_island_in_float_is_the_first_finding(explained: Explained) -> None:
    layers = [Layer(f"conv{index}", int8=index != 2) for index in range(5)]
    first, *_ = explained(layers).findings
    assert (first.kind, first.layers) == ("island", ("conv2",))
    assert "float amid int8" in first.text


def test_seventeen_channels_are_the_first_finding(explained: Explained) -> None:
    layers = [Layer("conv0"), Layer("conv1", outputs=17), Layer("conv2", inputs=17), Layer("conv3"), Layer("conv4")]
    first, *_ = explained(layers).findings
    assert first.kind == "channels"
    assert first.layers[0] in ("conv1", "conv2")
    assert "17" in first.text


def test_a_rank_too_high_to_pay_is_the_first_finding(explained: Explained) -> None:
    factors = [Layer("conv2_part1", outputs=64), Layer("conv2", kernel=1)]
    first, *_ = explained([Layer("conv0"), Layer("conv1"), *factors, Layer("conv3"), Layer("conv4")]).findings
    assert (first.kind, first.layers) == ("rank", ("conv2",))
    assert "2 factors" in first.text


def test_activations_that_are_not_fused_are_found(explained: Explained) -> None:
    plain = [Layer(f"conv{index}") for index in range(3)]
    found = explained([*plain[:2], Layer("conv2", activation="Softplus")], plain).findings
    assert [(f.kind, f.layers) for f in found][:1] == [("activation", ("conv2",))]


def test_a_model_against_itself_has_nothing_to_mend(explained: Explained) -> None:
    plain = [Layer(f"conv{index}") for index in range(3)]
    assert explained(plain, plain).findings == ()


def test_nodes_without_names_are_told_apart_all_the_same(device: Device, tmp_path: Path) -> None:
    layers = [Layer("conv0"), Layer("conv1", outputs=17), Layer("conv2", inputs=17), Layer("conv3")]
    paths = chain(tmp_path / "model.onnx", layers), chain(tmp_path / "base.onnx", [Layer(f"conv{i}") for i in range(4)])
    for path in paths:
        model = onnx.load(path)
        for node in model.graph.node:
            node.name = ""
        onnx.save(model, path)
    found = explain(device, *paths, QUICK)
    assert found.findings[0].kind == "channels"
    assert {f"conv{index}:out" for index in range(4)} <= {layer.name for layer in found.layers}
    assert all(node.name == "" for node in onnx.load(paths[0]).graph.node), "the user's file stays as it is"


def test_layers_are_matched_and_their_times_add_up(explained: Explained) -> None:
    found = explained([Layer(f"conv{index}", int8=True) for index in range(5)])
    by_name = {layer.name: layer for layer in found.layers}
    assert {f"conv{index}" for index in range(5)} <= set(by_name)
    for index in range(5):
        assert by_name[f"conv{index}"].operators == ("QLinearConv",)
        assert by_name[f"conv{index}"].saved_us > 0
    assert sum(layer.us or 0.0 for layer in found.layers) == pytest.approx(found.operators_us[0])
    assert sum(layer.reference_us or 0.0 for layer in found.layers) == pytest.approx(found.operators_us[1])
    assert found.to_json()["findings"] == [
        {"kind": f.kind, "layers": f.layers, "us": f.us, "text": f.text, "mend": f.mend} for f in found.findings
    ]
