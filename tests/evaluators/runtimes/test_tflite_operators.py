"""Operators in LiteRT's file give what they give in ONNX Runtime, in either order of axes and in any batch."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")

from ai_edge_litert.interpreter import Interpreter

from parefront.evaluators.restore.exact_session import exact_session
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.runtimes.runtime import ModelRejected
from parefront.evaluators.runtimes.tflite.translate import HANDLERS

IMAGE, ROW = "float[batch, 4, 7, 6] x", "float[batch, 5, 8] x"
OPERATORS = {
    "padded on both sides": (IMAGE, "y = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w3)"),
    "padded as SAME": (IMAGE, "y = Conv <pads = [1, 1, 1, 1]> (x, w3)"),
    "dilated": (IMAGE, "y = Conv <pads = [2, 2, 2, 2], dilations = [2, 2]> (x, w3)"),
    "depthwise": (IMAGE, "y = Conv <group = 4, pads = [1, 1, 1, 1]> (x, d3, v4)"),
    "depthwise, two outputs each": (IMAGE, "y = Conv <group = 4> (x, d8)"),
    "in groups": (IMAGE, "y = Conv <group = 2> (x, g3)"),
    "with an activation": (IMAGE, "z = Conv (x, w3)  y = Clip (z, zero, six)"),
    "read twice": (IMAGE, "z = Conv (x, w1, v4)  r = Relu (z)  y = Add (z, r)"),
    "greatest, padded": (IMAGE, "y = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]> (x)"),
    "greatest, rounded up": (IMAGE, "y = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (x)"),
    "mean, zeros count": (
        IMAGE,
        "y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1> (x)",
    ),
    "mean, zeros do not count": (
        IMAGE,
        "y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (x)",
    ),
    "mean of all": (IMAGE, "y = GlobalAveragePool (x)"),
    "greatest of all": (IMAGE, "y = GlobalMaxPool (x)"),
    "mean of rows": (IMAGE, "y = ReduceMean <keepdims = 0> (x, rows)"),
    "mean of rows and columns": (IMAGE, "y = ReduceMean <keepdims = 0> (x, both)"),
    "sum of channels": (IMAGE, "y = ReduceSum (x, channels)"),
    "flat": (IMAGE, "y = Flatten (x)"),
    "in another shape": (IMAGE, "y = Reshape (x, shape)"),
    "channels apart": (IMAGE, "a, b = Split <axis = 1, num_outputs = 2> (x)  y = Concat <axis = 1> (b, a, x)"),
    "every second pixel": (IMAGE, "y = Slice (x, starts, ends, both, steps)"),
    "every second pixel from the first": (IMAGE, "y = Slice (x, firsts, ends, both, steps)"),
    "every third row": (IMAGE, "y = Slice (x, first, last, rows, third)"),
    "padded with ones": (IMAGE, "y = Pad (x, widths, one)"),
    "mirrored": (IMAGE, 'y = Pad <mode = "reflect"> (x, widths)'),
    "turned": (IMAGE, "y = Transpose <perm = [0, 3, 1, 2]> (x)"),
    "transposed": (IMAGE, "y = ConvTranspose <strides = [2, 2]> (x, t2, v3)"),
    "transposed, one beside the other": (IMAGE, "y = ConvTranspose <pads = [1, 1, 1, 1]> (x, t3)"),
    "transposed, within and without": (
        IMAGE,
        "y = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]> (x, t3, v3)",
    ),
    "transposed, of even kernels": (IMAGE, "y = ConvTranspose <strides = [2, 2], pads = [1, 1, 1, 1]> (x, t4)"),
    "transposed, far apart": (IMAGE, "y = ConvTranspose <strides = [3, 3], pads = [0, 1, 0, 0]> (x, t5, v3)"),
    "normalised over channels": (ROW, "y = LayerNormalization <axis = -1> (x, v8, v8)"),
    "normalised over two axes": (ROW, "y = LayerNormalization <axis = 1, epsilon = 0.1> (x, m58)"),
    "normalised instances": (IMAGE, "y = InstanceNormalization <epsilon = 0.01> (x, v4, v4)"),
    "normalised rows": (ROW, "y = InstanceNormalization (x, v5, v5)"),
    "normalised groups": (IMAGE, "y = GroupNormalization <num_groups = 2> (x, v4, v4)"),
    "normalised groups of rows": (ROW, "y = GroupNormalization <num_groups = 5> (x, v5, v5)"),
    "normalised": (IMAGE, "y = BatchNormalization (x, v4, v4, v4, p4)"),
    "by channel": (IMAGE, "z = Mul (x, c4)  y = Sub (z, x)"),
    "excited": (IMAGE, "m = GlobalAveragePool (x)  s = HardSigmoid (m)  y = Mul (x, s)"),
    "excited as usual": (
        IMAGE,
        "m = GlobalAveragePool (x)  s = HardSigmoid <alpha = 0.16666667, beta = 0.5> (m)  y = Mul (x, s)",
    ),
    "shares of channels": (IMAGE, "y = Softmax <axis = 1> (x)"),
    "greater": (IMAGE, 'y = Resize <mode = "linear"> (x, , scales)'),
    "greater, nearest": (
        IMAGE,
        'y = Resize <coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (x, , scales)',
    ),
    "to space": (IMAGE, "y = DepthToSpace <blocksize = 2> (x)"),
    "slopes by channel": (IMAGE, "y = PRelu (x, c4)"),
    "attention": (
        ROW,
        "t = Transpose <perm = [0, 2, 1]> (x)  m = MatMul (x, t)  s = Softmax (m)  y = MatMul (s, x)",
    ),
    "linear in rows": (ROW, "z = MatMul (x, m83)  y = Add (z, v3)"),
    "one more axis": (ROW, "z = Unsqueeze (x, channels)  y = Squeeze (z, channels)"),
    **{
        name: (IMAGE, f"y = {name} (x)")
        for name in ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "Elu", "Gelu", "Exp", "Abs", "Reciprocal")
    },
    "bounded": (IMAGE, "y = Clip (x, zero, one)"),
    "bounded otherwise": (IMAGE, "y = Clip (x, zero, half)"),
}
CONSTANTS: dict[str, np.ndarray] = {
    name: np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    for seed, (name, shape) in enumerate(
        {
            "w3": (5, 4, 3, 3), "w1": (4, 4, 1, 1), "d3": (4, 1, 3, 3), "d8": (8, 1, 3, 3), "g3": (6, 2, 3, 3),
            "v4": (4,), "c4": (4, 1, 1), "m83": (8, 3), "v3": (3,), "t2": (4, 3, 2, 2), "t3": (4, 3, 3, 3),
            "t4": (4, 3, 4, 4), "t5": (4, 3, 5, 4), "v8": (8,), "m58": (5, 8), "v5": (5,),
        }.items()
    )
}  # fmt: skip
CONSTANTS["p4"] = np.full(4, 0.5, np.float32)
CONSTANTS |= {name: np.array(value, np.float32) for name, value in {"zero": 0, "half": 0.5, "one": 1, "six": 6}.items()}
CONSTANTS |= {"scale": np.array(0.03, np.float32), "zero_point": np.array(120, np.uint8)}
CONSTANTS["scales"] = np.array([1, 1, 2, 2], np.float32)
CONSTANTS |= {
    name: np.array(value, np.int64)
    for name, value in {
        "rows": [2], "both": [2, 3], "channels": [1], "shape": [0, 14, -1], "starts": [0, 1], "ends": [7, 6],
        "steps": [2, 2], "firsts": [0, 0], "first": [0], "last": [7], "third": [3], "widths": [0, 0, 1, 2, 0, 0, 0, 1],
    }.items()
}  # fmt: skip


def model(given: str, body: str) -> bytes:
    made: ModelProto = parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 21]> net ({given}) => (float y) {{ {body} }}'
    )
    made.graph.output[0].type.tensor_type.ClearField("shape")
    read = {name for node in made.graph.node for name in node.input}
    made.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in CONSTANTS.items() if n in read)
    return bytes(made.SerializeToString())


@pytest.mark.parametrize("last", [False, True], ids=["as ONNX has it", "channels last"])
@pytest.mark.parametrize("name", OPERATORS)
def test_it_gives_what_it_gives_in_onnxruntime(name: str, last: bool) -> None:
    given, body = OPERATORS[name]
    if last:
        if given is not IMAGE:
            pytest.skip("of images alone")
        given, body = given.replace(" x", " image"), f"x = MaxPool <kernel_shape = [1, 1]> (image)  {body}"
    content = model(given, body)
    source = given.rsplit(" ", 1)[1]
    session = LiteRt().session(content, threads=1)
    shape = [3, *(int(str(size)) for size in session.get_inputs()[0].shape[1:])]
    values = np.random.default_rng(9).standard_normal(shape).astype(np.float32)
    expected = exact_session(content, threads=1).run(None, {source: values})[0]
    found = session.run(["y"], {source: values})[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_every_second_pixel_of_integers_is_the_same_integer_and_xnnpack_s() -> None:
    """Slices with a step, which XNNPACK has not, had cut the networks that have them into parts."""
    rounded = "q{0} = QuantizeLinear ({0}, scale, zero_point)  {1} = DequantizeLinear (q{0}, scale, zero_point)"
    body = f"{rounded.format('x', 'a')}  s = Slice (a, firsts, ends, both, steps)  {rounded.format('s', 'y')}"
    content = model(IMAGE, body)
    values = np.random.default_rng(9).uniform(-4, 4, (3, 4, 7, 6)).astype(np.float32)
    expected = exact_session(content, threads=1).run(None, {"x": values})[0]
    assert np.array_equal(LiteRt().session(content, threads=1).run(["y"], {"x": values})[0], expected)
    interpreter = Interpreter(model_content=LiteRt().translated(content), num_threads=1)
    interpreter.allocate_tensors()
    assert sum(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details()) == 1


@pytest.mark.parametrize(
    ("given", "body", "reason"),
    [
        (IMAGE, "y = Erf (x)", r"operator Erf of layer y has no form there$"),
        (
            ROW,
            "y = MaxPool <kernel_shape = [2]> (x)",
            r"MaxPool of layer y has no form there: inputs of 3 axes, not 4$",
        ),
        (IMAGE, 'y = DepthToSpace <blocksize = 2, mode = "CRD"> (x)', "DepthToSpace of layer y .*: in mode CRD$"),
        (IMAGE, "y = Softmax <axis = 2> (x)", "Softmax of layer y .*: over another axis"),
        ("float[batch, 4, rows, 6] x", "y = Relu (x)", "input x has free sizes besides the batch$"),
    ],
)
def test_what_has_no_form_is_named(given: str, body: str, reason: str) -> None:
    with pytest.raises(ModelRejected, match=reason):
        LiteRt().session(model(given, body))


def test_the_emitted_operators_have_a_form() -> None:
    assert {"Conv", "Gemm", "Add", "Mul", "Relu", "Clip", "HardSwish", "Sigmoid", "Concat"} <= HANDLERS.keys()
