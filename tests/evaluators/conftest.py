"""Tiny ONNX nets, built without torch, and a device to run them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parefront.evaluators.device.device import Device

ConvNet = Callable[..., Path]


@pytest.fixture(scope="session")
def conv_net(tmp_path_factory: pytest.TempPathFactory) -> ConvNet:
    """Build a chain of 3×3 convolutions with a linear head; its path. The batch axis is free."""

    def build(
        channels: int = 4, depth: int = 2, size: Sequence[int | str] = (8, 8), batch: int | str = "batch"
    ) -> Path:
        path = tmp_path_factory.mktemp("nets") / f"conv{channels}x{depth}.onnx"
        generator = np.random.default_rng(0)
        nodes, weights, flow = [], {}, "input"
        for layer in range(depth):
            fan_in = 3 if layer == 0 else channels
            weights[f"w{layer}"] = generator.normal(size=(channels, fan_in, 3, 3)) / np.sqrt(9 * fan_in)
            nodes.append(helper.make_node("Conv", [flow, f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]))
            nodes.append(helper.make_node("Relu", [f"c{layer}"], [flow := f"r{layer}"]))
        weights["head"] = generator.normal(size=(channels, 10))
        nodes.append(helper.make_node("GlobalAveragePool", [flow], ["pooled"]))
        nodes.append(helper.make_node("Flatten", ["pooled"], ["features"]))
        nodes.append(helper.make_node("MatMul", ["features", "head"], ["output"]))
        graph = helper.make_graph(
            nodes,
            "conv_net",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, *size])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 10])],
            [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path

    return build


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with Device() as local:
        yield local
