"""Whose layer an operator is, and what it multiplies: transposed convolutions, and graphs of any depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from parefront.evaluators.device.operator import Operator, Tensor
from parefront.evaluators.explain.layers_run import LayersRun

DEEP = 3000


def saved(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, tuple[int, ...]], channels: int) -> Path:
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, channels, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def ran(name: str, kind: str, read: tuple[int, ...], written: tuple[int, ...]) -> Operator:
    tensors = Tensor("float", read), Tensor("float", written)
    return Operator(name, kind, "CPUExecutionProvider", tensors[:1], tensors[1:], ("input",), ("output",), "", 1.0)


def test_a_transposed_convolution_meets_every_place_of_its_input_once(tmp_path: Path) -> None:
    node = helper.make_node("ConvTranspose", ["input", "w"], ["output"], "up", strides=[2, 2], group=2)
    model = LayersRun(saved(tmp_path / "net.onnx", [node], {"w": (128, 32, 2, 2)}, 128))
    layer = model.layers["up"]
    assert layer.channels == (128, 64)
    assert layer.macs(ran("up", "ConvTranspose", (1, 128, 8, 8), (1, 64, 16, 16))) == 8 * 8 * 128 * 32 * 2 * 2


def test_a_layer_is_found_however_deep_the_graph_before_it(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["input", "w"], ["flow0"], "conv")]
    nodes += [helper.make_node("Relu", [f"flow{i}"], [f"flow{i + 1}"], f"relu{i}") for i in range(DEEP)]
    nodes += [helper.make_node("Identity", [f"flow{DEEP}"], ["output"], "end")]
    model = LayersRun(saved(tmp_path / "net.onnx", nodes, {"w": (4, 3, 1, 1)}, 3))
    owner = model.owner(ran(f"relu{DEEP - 1}", "FusedConv", (1, 3, 8, 8), (1, 4, 8, 8)))
    assert owner is not None
    assert owner.name == "conv"
