"""Operators in torch against ONNX Runtime's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from parefront.evaluators.restore.load import module_of
from parefront.evaluators.restore.operators import BLOCKED, LINEAR, OPERATORS
from parefront.evaluators.restore.parity import parity
from parefront.spaces.errors import ParefrontError
from parefront.spaces.network.ops import TORCH

from .conftest import model

IMAGE = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
ROWS = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
OTHER = ROWS.roll(1, 0).where(ROWS > 0, ROWS)
KERNEL = np.random.default_rng(0).normal(size=(4, 2, 3, 3)).astype(np.float32)
FOUR = np.linspace(0.5, 2, 4, dtype=np.float32)

Case = tuple[list[Tensor], dict[str, np.ndarray], dict[str, Any]]
"""Computed inputs, constant ones behind them, attributes."""
CASES: dict[str, Case] = {
    "ArgMax": ([ROWS], {}, {"axis": 1}),
    "ArgMin": ([ROWS], {}, {"axis": 1, "keepdims": 0}),
    "BatchNormalization": ([IMAGE], {"scale": FOUR, "shift": FOUR - 1, "mean": FOUR / 2, "variance": FOUR}, {}),
    "Ceil": ([ROWS], {}, {}),
    "Celu": ([ROWS], {}, {"alpha": 0.7}),
    "ConstantOfShape": ([], {"shape": np.array([2, 3], np.int64)}, {}),
    "Conv": ([IMAGE], {"weight": KERNEL, "bias": FOUR}, {"pads": [1, 2, 1, 2], "group": 2, "strides": [2, 1]}),
    "Cos": ([ROWS], {}, {}),
    "CumSum": ([ROWS], {"axis": np.array(1, np.int64)}, {}),
    "DequantizeLinear": (
        [IMAGE.mul(20).to(torch.int8)],
        {"scale": FOUR, "zero": np.array([0, 1, 2, -3], np.int8)},
        {"axis": 1},
    ),
    "Einsum": ([ROWS, OTHER], {}, {"equation": "ij,kj->ik"}),
    "Equal": ([ROWS, OTHER], {}, {}),
    "Floor": ([ROWS], {}, {}),
    "GatherElements": ([ROWS], {"places": np.array([[0, 4], [1, 3], [2, 2]], np.int64)}, {"axis": 1}),
    "Greater": ([ROWS, OTHER], {}, {}),
    "GreaterOrEqual": ([ROWS, OTHER], {}, {}),
    "LayerNormalization": ([IMAGE], {"scale": np.linspace(1, 2, 6, dtype=np.float32)}, {"axis": -1}),
    "Less": ([ROWS, OTHER], {}, {}),
    "LessOrEqual": ([ROWS, OTHER], {}, {}),
    "QuantizeLinear": ([IMAGE], {"scale": FOUR / 50, "zero": np.array([0, 1, 2, 3], np.uint8)}, {"axis": 1}),
    "ReduceL1": ([IMAGE], {"axes": np.array([2, 3], np.int64)}, {}),
    "ReduceLogSumExp": ([IMAGE], {"axes": np.array([1], np.int64)}, {"keepdims": 0}),
    "ReduceSumSquare": ([IMAGE], {}, {}),
    "Round": ([ROWS * 4], {}, {}),
    "ScatterND": ([ROWS], {"places": np.array([[2], [0]], np.int64), "rows": np.ones((2, 5), np.float32)}, {}),
    "Sign": ([ROWS], {}, {}),
    "Sin": ([ROWS], {}, {}),
    "Softsign": ([ROWS], {}, {}),
    "Sum": ([ROWS, OTHER, ROWS], {}, {}),
    "Tan": ([ROWS], {}, {}),
    "ThresholdedRelu": ([ROWS], {}, {"alpha": 0.3}),
    "Tile": ([ROWS], {"times": np.array([1, 2], np.int64)}, {}),
}
LOGICAL = ("And", "Or", "Xor", "Not")


def test_every_operator_is_among_these() -> None:
    own = {name for name, run in OPERATORS.items() if TORCH.get(name) is not run}
    assert own == {*CASES, *LOGICAL, LINEAR, BLOCKED}


@pytest.mark.parametrize("op_type", CASES)
def test_gives_what_onnx_runtime_gives(op_type: str) -> None:
    inputs, constants, attributes = CASES[op_type]
    names = [f"input_{index}" for index in range(len(inputs))]
    node = helper.make_node(op_type, [*names, *constants], ["output"], **attributes)
    found = parity(module_of(_model(node, inputs, constants)), None, inputs)

    assert found.relative < 1e-6


@pytest.mark.parametrize("op_type", LOGICAL)
def test_logic_is_that_of_onnx_runtime(op_type: str) -> None:
    pair = [ROWS > 0, OTHER > 0][: 1 if op_type == "Not" else 2]
    node = helper.make_node(op_type, [f"input_{index}" for index in range(len(pair))], ["output"])

    assert parity(module_of(_model(node, pair, {})), None, pair).relative == 0


def test_a_way_of_an_operator_that_torch_has_not_is_named_with_its_node() -> None:
    constants = {"axis": np.array(1, np.int64)}
    node = helper.make_node("CumSum", ["input", "axis"], ["output"], "backwards", reverse=1)
    module = module_of(model([node], constants, [5], [5]))

    with pytest.raises(ParefrontError, match="node 'backwards': CumSum with reverse=1 has no counterpart in torch"):
        module(ROWS)


def _model(node: Any, inputs: list[Tensor], constants: Mapping[str, np.ndarray]) -> bytes:
    kinds = {torch.float32: TensorProto.FLOAT, torch.int8: TensorProto.INT8, torch.bool: TensorProto.BOOL}
    info = helper.make_tensor_value_info
    given = [info(f"input_{n}", kinds[tensor.dtype], tensor.shape) for n, tensor in enumerate(inputs)]
    held = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph([node], "operator", given, [helper.make_empty_tensor_value_info("output")], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(made.SerializeToString())


def test_the_inputs_to_compare_on_go_by_order_or_name_and_others_are_one_line() -> None:
    pair = [ROWS, OTHER]
    module = module_of(_model(helper.make_node("Add", ["input_0", "input_1"], ["output"]), pair, {}))
    names = module.program.inputs

    assert parity(module, None, dict(zip(names, pair, strict=True))).relative == 0
    with pytest.raises(
        ParefrontError, match=f"expected the inputs {', '.join(names)}, in this order or by name; got 1"
    ):
        parity(module, None, pair[:1])
    with pytest.raises(ParefrontError, match="got those named other"):
        parity(module, None, {"other": pair[0]})
