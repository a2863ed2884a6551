"""Every operator against ONNX Runtime, on a model of that one node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import helper

from parefront.spaces.network.capture import OPSET
from parefront.spaces.network.export import IR_VERSION
from parefront.spaces.network.ops import TORCH, Op

Array = np.ndarray[Any, Any]


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


X = noise(2, 4, 6, 5)
POSITIVE = np.abs(X) + 0.1


@dataclass(frozen=True)
class Case:
    """One node; those of its inputs whose position is in ``constant`` are held by the operator, None is left out."""

    op_type: str
    inputs: tuple[Array | None, ...] = (X,)
    attributes: dict[str, Any] = field(default_factory=dict)
    constant: tuple[int, ...] = ()
    outputs: int = 1

    @property
    def label(self) -> str:
        return "-".join([self.op_type, *(f"{key}{value}" for key, value in self.attributes.items())]).replace(" ", "")


UNARY = ["Abs", "Elu", "Erf", "Exp", "HardSwish", "Identity", "Mish", "Neg", "Relu", "Selu", "Sigmoid", "Softplus"]
POOLS: list[dict[str, Any]] = [
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
    {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [1, 1], "pads": [1, 0, 1, 0]},
]
CASES = [
    *(Case(op_type) for op_type in [*UNARY, "Tanh", "GlobalAveragePool", "GlobalMaxPool", "Shape"]),
    *(Case(op_type, (POSITIVE,)) for op_type in ("Log", "Reciprocal", "Sqrt")),
    *(Case(op_type, (X, noise(4, 1, 5, seed=1))) for op_type in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
    *(Case(op_type, (X, noise(4, 1, 1, seed=1)), constant=(1,)) for op_type in ("Add", "Mul", "PRelu")),
    Case("Div", (ints(7, -7, 9), ints(2, 2, -4))),
    Case("Pow", (POSITIVE, np.array(1.5, np.float32)), constant=(1,)),
    Case("MatMul", (noise(2, 3, 4), noise(4, 5, seed=1)), constant=(1,)),
    Case("Cast", (X,), {"to": 7}),
    Case("Clip", (X, np.array(-0.5, np.float32), np.array(0.7, np.float32)), constant=(1, 2)),
    Case("Clip", (X, None, np.array(0.7, np.float32)), constant=(2,)),
    Case("Clip", (X, np.array(0.0, np.float32)), constant=(1,)),
    Case("Concat", (X, noise(2, 3, 6, 5, seed=1)), {"axis": 1}),
    Case("Constant", ()),
    Case("Conv", (X, noise(2, 4, 2, 2, seed=1), noise(2)), {"strides": [2, 2], "pads": [0, 1, 1, 1]}, (1, 2)),
    Case("ConvTranspose", (X, noise(4, 3, 2, 2, seed=1), noise(3)), {"strides": [2, 2]}, (1, 2)),
    Case("ConvTranspose", (X, noise(4, 2, 3, 3, seed=1)), {"pads": [1, 1, 1, 1], "group": 2}, (1,)),
    *(Case("DepthToSpace", (X,), {"blocksize": 2, "mode": mode}) for mode in ("CRD", "DCR")),
    Case("Elu", (X,), {"alpha": 0.5}),
    Case("Expand", (noise(4, 1, 5), ints(2, 4, 6, 5)), constant=(1,)),
    *(Case("Flatten", (X,), {"axis": axis}) for axis in (1, 2, -1)),
    Case("Gather", (X, np.array([[0, -1], [2, 1]])), {"axis": 1}, (1,)),
    Case("Gather", (X, np.array(2)), {"axis": 2}, (1,)),
    Case("Gemm", (noise(2, 4), noise(4, 5, seed=1), noise(5)), constant=(1, 2)),
    Case("Gemm", (noise(2, 4), noise(5, 4, seed=1)), {"transB": 1, "alpha": 0.5}, (1,)),
    *(Case("Gelu", (X,), {"approximate": how}) for how in ("none", "tanh")),
    Case("GroupNormalization", (X, noise(4, seed=1), noise(4, seed=2)), {"num_groups": 2, "epsilon": 1e-3}, (1, 2)),
    Case("HardSigmoid", (X,), {"alpha": 1 / 6, "beta": 0.5}),
    Case("InstanceNormalization", (X, noise(4, seed=1), noise(4, seed=2)), {"epsilon": 1e-3}, (1, 2)),
    Case("LeakyRelu", (X,), {"alpha": 0.2}),
    *(Case(op_type, (X,), {"axis": axis}) for op_type in ("Softmax", "LogSoftmax") for axis in (1, -1)),
    *(Case("MaxPool", (X,), attributes) for attributes in POOLS),
    Case("MaxPool", (X,), {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    *(Case("AveragePool", (X,), {**pool, "count_include_pad": count}) for pool in POOLS for count in (0, 1)),
    Case("Pad", (X, ints(0, 0, 1, 2, 0, 0, 3, 0), np.array(0.5, np.float32)), constant=(1, 2)),
    Case("Pad", (X, ints(1, -1, 1, 2), None, ints(2, -1)), constant=(1, 3)),
    *(Case("Pad", (X, ints(0, 0, 1, 2, 0, 0, 3, 1)), {"mode": mode}, (1,)) for mode in ("reflect", "edge", "wrap")),
    Case("Range", (np.array(2), np.array(11), np.array(3)), constant=(0, 1, 2)),
    *(
        Case(op_type, (X, axes), {"keepdims": keep}, (1,))
        for op_type in ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
        for axes, keep in ((ints(2, 3), 1), (ints(-1), 0))
    ),
    Case("ReduceMean", (X,)),
    Case("Reshape", (X, ints(0, -1, 5)), constant=(1,)),
    Case("Reshape", (noise(1), np.zeros(0, np.int64)), constant=(1,)),
    *(
        Case("Resize", (X, None, np.array([1, 1, *scale], np.float32)), {"mode": mode, **how}, (2,))
        for scale in ((2.0, 2.0), (1.5, 2.5))
        for mode, how in (
            ("nearest", {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
            ("nearest", {"coordinate_transformation_mode": "half_pixel"}),
            ("linear", {"coordinate_transformation_mode": "pytorch_half_pixel"}),
            ("linear", {"coordinate_transformation_mode": "align_corners"}),
            ("cubic", {"coordinate_transformation_mode": "pytorch_half_pixel", "cubic_coeff_a": -0.75}),
        )
    ),
    Case(
        "Resize", (X, None, None, ints(2, 4, 9, 7)),
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}, (3,),
    ),
    Case("Shape", (X,), {"start": 1, "end": 3}),
    Case("Slice", (X, ints(1, 0), ints(100, -1), ints(1, 3), ints(2, 1)), constant=(1, 2, 3, 4)),
    Case("Slice", (X, ints(-1), ints(-100), ints(2), ints(-1)), constant=(1, 2, 3, 4)),
    Case("Split", (X, ints(1, 3)), {"axis": 1}, (1,), outputs=2),
    Case("Split", (X,), {"axis": 2, "num_outputs": 2}, outputs=2),
    Case("Squeeze", (noise(2, 1, 3, 1), ints(1)), constant=(1,)),
    Case("Squeeze", (noise(2, 1, 3, 1),)),
    Case("Transpose", (X,), {"perm": [0, 2, 3, 1]}),
    Case("Transpose", (X,)),
    Case("Unsqueeze", (X, ints(0, -1)), constant=(1,)),
    Case("Where", (X > 0, X, noise(4, 1, 1, seed=3)), constant=(2,)),
]  # fmt: skip


def runtime(case: Case) -> list[Array]:
    """What ONNX Runtime gives for the node."""
    names = [f"i{n}" if value is not None else "" for n, value in enumerate(case.inputs)]
    outputs = [f"o{n}" for n in range(case.outputs)]
    node = helper.make_node(case.op_type, names, outputs, **case.attributes)
    feeds = {name: value for name, value in zip(names, case.inputs, strict=True) if value is not None}
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feeds.items()
    ]
    graph = helper.make_graph([node], case.op_type, inputs, [onnx.ValueInfoProto(name=name) for name in outputs])
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(outputs, feeds)]


def operator(case: Case) -> list[Array]:
    """What the operator gives, those inputs that are constant held by it."""
    held = {position: torch.from_numpy(np.asarray(case.inputs[position])) for position in case.constant}
    absent = [position for position, value in enumerate(case.inputs) if value is None]
    op = Op(case.op_type, case.attributes, held, len(case.inputs), absent, case.outputs)
    given = [v for n, v in enumerate(case.inputs) if v is not None and n not in case.constant]
    with torch.no_grad():
        result = op(*(torch.from_numpy(np.asarray(value)) for value in given))
    return [tensor.numpy() for tensor in (result if case.outputs > 1 else [result])]


@pytest.mark.parametrize("case", [case for case in CASES if case.op_type != "Constant"], ids=lambda case: case.label)
def test_an_operator_computes_what_onnx_runtime_computes(case: Case) -> None:
    for expected, actual in zip(runtime(case), operator(case), strict=True):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-5)


def test_every_operator_has_a_case() -> None:
    assert TORCH.keys() == {case.op_type for case in CASES}


def test_a_constant_gives_what_it_holds() -> None:
    assert Op("Constant", constants={0: torch.arange(3)})().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "case",
    [Case("Sin"), Case("LpNormalization", (X,), {"axis": 1, "p": 2}), Case("TopK", (X, ints(2)), {}, (1,), outputs=2)],
    ids=lambda case: case.label,
)
def test_an_unknown_operator_runs_in_onnx_reference_implementation(case: Case) -> None:
    assert case.op_type not in TORCH
    for expected, actual in zip(runtime(case), operator(case), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
