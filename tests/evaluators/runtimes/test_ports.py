"""A file in the place of another one: its inputs and outputs are found, or it is refused in a line that says why."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from parefront.evaluators.runtimes.ports import Ports, StandIn, with_fixed_axes
from parefront.spaces.errors import ConfigError

FLOAT, INT64, HALF = TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT16
Axes = tuple[int | str | None, ...]


def file(
    inputs: dict[str, tuple[int, Axes]], outputs: tuple[str, ...] = ("output",), weight: str = ""
) -> onnx.ModelProto:
    """A model whose first output is its first input, its second one twice that."""
    ports = [helper.make_tensor_value_info(name, kind, axes) for name, (kind, axes) in inputs.items()]
    first = ports[0].name
    nodes = [helper.make_node("Identity", [first], [outputs[0]])]
    nodes += [helper.make_node("Add", [first, first], [name]) for name in outputs[1:]]
    given = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    held = [helper.make_tensor(weight, FLOAT, [1], [0.0])] if weight else []
    ports += [helper.make_tensor_value_info(weight, FLOAT, [1])] if weight else []
    graph = helper.make_graph(nodes, "file", ports, given, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def stand_in(own: onnx.ModelProto, other: onnx.ModelProto, batch: int = 1) -> StandIn:
    return StandIn.of(Ports.of(own), Ports.of(other), batch)


IMAGES: dict[str, tuple[int, Axes]] = {"input": (FLOAT, ("batch", 3, 8, 8))}


def test_inputs_are_those_without_an_initialiser() -> None:
    ports = Ports.of(file(IMAGES, weight="weight"))

    assert [(port.name, port.type, list(port.shape)) for port in ports.inputs] == [
        ("input", "tensor(float)", ["batch", 3, 8, 8])
    ]
    session = ort.InferenceSession(file(IMAGES, weight="weight").SerializeToString())
    assert next((port.name, port.type) for port in session.get_inputs()) == ("input", "tensor(float)")


def test_one_input_and_one_output_go_by_any_name() -> None:
    own = file({"input.1": (FLOAT, (1, 3, 8, 8))}, ("17",))
    found = stand_in(own, file(IMAGES))
    assert (found.inputs, found.outputs) == ({"input": "input.1"}, {"output": "17"})

    session = found.named(ort.InferenceSession(own.SerializeToString()))
    images = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    (output,) = session.run(["output"], {"input": images})
    assert [port.name for port in (*session.get_inputs(), *session.get_outputs())] == ["input", "output"]
    np.testing.assert_array_equal(output, images)


def test_a_session_with_the_same_names_is_taken_as_it_is() -> None:
    session = ort.InferenceSession(file(IMAGES).SerializeToString())

    assert stand_in(file(IMAGES), file(IMAGES)).named(session) is session


def test_several_are_matched_by_name_whatever_their_order_else_by_order() -> None:
    two: dict[str, tuple[int, Axes]] = {"left": (FLOAT, (None, 4)), "right": (FLOAT, (None, 4))}
    swapped = dict(reversed(two.items()))
    other = file(two, ("same", "twice"))

    assert stand_in(file(swapped, ("twice", "same")), other).inputs == {"left": "left", "right": "right"}
    renamed = stand_in(file({"a": two["left"], "b": two["right"]}, ("c", "d")), other)
    assert renamed.inputs == {"left": "a", "right": "b"}
    assert renamed.outputs == {"same": "c", "twice": "d"}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"x": (FLOAT, ("n", 1, 8, 8))}, r"got 'x' of tensor\(float\) \(n, 1, 8, 8\)"),
        ({"x": (FLOAT, ("n", 3, 8))}, "expected input 'input' of"),
        ({"x": (HALF, ("n", 3, 8, 8))}, r"tensor\(float16\)"),
        ({"x": IMAGES["input"], "y": (INT64, ("n",))}, r"expected 1 input \(input\), got 2 inputs \(x, y\)"),
        ({"x": (FLOAT, (8, 3, 8, 8))}, "its batch axis is fixed at 8, and the run times 1 at once"),
    ],
)
def test_what_takes_something_else_is_refused(own: dict[str, tuple[int, Axes]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        stand_in(file(own), file(IMAGES))


def test_a_batch_that_is_fixed_at_the_runs_is_taken() -> None:
    assert stand_in(file({"x": (FLOAT, (8, 3, 8, 8))}), file(IMAGES), batch=8).inputs == {"input": "x"}


def test_another_number_of_outputs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected 1 output \(output\), got 2 outputs \(output, second\)"):
        stand_in(file(IMAGES, ("output", "second")), file(IMAGES))


def test_free_axes_beside_the_first_get_the_sizes_of_the_other_file() -> None:
    own, other = file({"x": (FLOAT, ("n", 3, "height", "width"))}), file(IMAGES)
    fixed = with_fixed_axes(own.SerializeToString(), Ports.of(own), Ports.of(other), stand_in(own, other))

    assert list(Ports.of(onnx.ModelProto.FromString(fixed)).inputs[0].shape) == ["n", 3, 8, 8]
    content = other.SerializeToString()
    assert with_fixed_axes(content, Ports.of(other), Ports.of(other), stand_in(other, other)) is content
