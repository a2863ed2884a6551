"""``bits`` without float, and one choice for the whole network: what the files hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from parefront.compressors.integers.quantize import QuantizeOptions
from parefront.spaces.knob import EVERY_LAYER
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.testing.networks import NETWORKS

from ..conftest import Bench, MakeBench


def model_of(subject: Bench, policy: Policy, path: Path) -> onnx.ModelProto:
    emit(subject.apply(policy), path, subject.images[:2])
    return onnx.load(path)


def float_layers(model: onnx.ModelProto) -> Iterator[str]:
    """The layers of which an activation or a weight does not come from integers."""
    made_by = {output: node for node in model.graph.node for output in node.output}
    stored = {tensor.name: numpy_helper.to_array(tensor).dtype for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul", "ConvTranspose"):
            continue
        for value in node.input[:2]:
            source = made_by.get(value)
            while source is not None and source.op_type in ("Transpose", "Reshape", "Flatten", "MaxPool", "Concat"):
                source = made_by.get(source.input[0])
            if source is None or source.op_type != "DequantizeLinear":
                yield node.name
            elif source.input[0] in stored:
                assert stored[source.input[0]] in (np.int8, np.uint8)


@pytest.mark.parametrize("network", NETWORKS)
def test_bits_without_float_leave_no_layer_in_float(network: str, bench: MakeBench, tmp_path: Path) -> None:
    subject = bench(network, quantize={"bits": [8]})
    space = subject.pipeline.space
    assert len(space) == 0, "there is nothing to choose"
    assert space.start == Policy({f"quantize/{layer.name}": 8 for layer in subject.graph})
    assert not list(float_layers(model_of(subject, space.start, tmp_path / "x.onnx")))


@pytest.mark.parametrize("network", NETWORKS)
def test_one_knob_turns_the_whole_network_to_integers(network: str, bench: MakeBench, tmp_path: Path) -> None:
    subject = bench(network, quantize={"mixed_precision": False})
    (knob,) = subject.pipeline.space
    assert (knob.target, knob.choices) == (EVERY_LAYER, (32, 8))
    assert knob.layers == subject.graph.by_name.keys()
    policies = (Policy({knob.name: 8}), Policy({f"quantize/{layer.name}": 8 for layer in subject.graph}))
    alone = model_of(subject, policies[0], tmp_path / "one.onnx")
    assert not list(float_layers(alone))
    assert alone.SerializeToString() == model_of(subject, policies[1], tmp_path / "each.onnx").SerializeToString()


def test_with_float_every_layer_may_stay_in_it(bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("plain", quantize={})
    assert subject.pipeline.space.start == Policy()
    assert len(list(float_layers(model_of(subject, Policy(), tmp_path / "x.onnx")))) > 0


def test_the_whole_network_leaves_out_what_is_excluded(bench: MakeBench) -> None:
    subject = bench("plain", quantize={"mixed_precision": False})
    name = subject.graph.layers[0].name
    (knob,) = bench("plain", quantize={"mixed_precision": False, "exclude": [name]}).pipeline.space
    assert knob.layers == subject.graph.by_name.keys() - {name}


def test_choices_are_those_given_mildest_first() -> None:
    assert QuantizeOptions(bits=(4, 8)).bits == (8, 4)
    assert QuantizeOptions(bits=(8, 32)).bits == (32, 8)
