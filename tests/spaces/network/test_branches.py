"""What only some inputs need is in a branch of the file, which computes the same for each sample in any batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
import torch
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.exits.exit import ALWAYS, NEVER, Exit, exits_of, leaving_at
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.spaces.network.branches import (
    THRESHOLD,
    flat_nodes,
    flatten,
    thresholds,
    with_thresholds,
)
from parefront.spaces.network.emit import serialize
from parefront.spaces.policy import Policy
from parefront.testing.networks import random_images
from parefront.testing.specimen import specimen

IMAGES = random_images(24, seed=3)
EXITS = ("early_exit/2.conv2.0", "early_exit/4.conv2.0")


def exiting(bits: int, *exits: str) -> fx.GraphModule:
    """The residual network in so many bits, with exits by which some of the images leave."""
    held = specimen("residual")
    pipeline = Pipeline.of([create("early_exit", {"places": 2}), create("quantize", {})], held.graph)
    quantised = pipeline.space.uniform({"quantize": bits})
    policy = Policy({**quantised, **dict.fromkeys(exits, 0.5)})
    net = pipeline.apply(held.net, policy, Context(held.graph, held.calibration))
    for index, node in enumerate(exits_of(net)):
        with torch.no_grad(), leaving_at(net, index):
            sure = net(IMAGES).softmax(1).amax(1).sort().values
        exit = net.get_submodule(str(node.target))
        assert isinstance(exit, Exit)
        exit.threshold = float(sure[11:13].mean())
    return net


@pytest.fixture(scope="module", params=[32, 8], ids=["float", "int8"])
def net(request: pytest.FixtureRequest) -> fx.GraphModule:
    return exiting(request.param, *EXITS)


@pytest.fixture(scope="module")
def content(net: fx.GraphModule) -> bytes:
    return serialize(net, IMAGES[:4])


def run(content: bytes, images: Any) -> np.ndarray[Any, Any]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given: np.ndarray[Any, Any] = session.run(None, {"input": np.asarray(images)})[0]
    return given


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def test_each_sample_has_the_outputs_in_a_batch_that_it_has_alone(content: bytes) -> None:
    ways = [run(with_thresholds(content, limits), IMAGES) for limits in ([ALWAYS, NEVER], [NEVER, ALWAYS], [NEVER] * 2)]
    together = run(content, IMAGES)
    alone = np.concatenate([run(content, IMAGES[i : i + 1]) for i in range(len(IMAGES))])
    np.testing.assert_allclose(alone, together, atol=1e-4)
    taken = [next(way for way in range(3) if np.allclose(ways[way][i], together[i])) for i in range(len(IMAGES))]
    assert set(taken) == {0, 1, 2}


def test_what_is_behind_an_exit_runs_only_where_a_sample_needs_it() -> None:
    """With weights that are no numbers behind the last exit, whoever gets there is none either."""
    model = onnx.ModelProto.FromString(serialize(exiting(32, *EXITS), IMAGES[:4]))
    *_, rest = graphs(model.graph)
    for held in rest.initializer:
        if held.data_type == onnx.TensorProto.FLOAT:
            held.CopyFrom(onnx.numpy_helper.from_array(np.full(held.dims, np.nan, np.float32), held.name))
    broken = model.SerializeToString()
    assert np.isfinite(run(with_thresholds(broken, [ALWAYS, NEVER]), IMAGES)).all()
    assert np.isfinite(run(with_thresholds(broken, [NEVER, ALWAYS]), IMAGES)).all()
    assert np.isnan(run(with_thresholds(broken, [NEVER, NEVER]), IMAGES)).all()


def test_a_file_tells_its_thresholds_in_the_order_of_its_exits(net: fx.GraphModule, content: bytes) -> None:
    found = [float(net.get_submodule(str(node.target)).threshold) for node in exits_of(net)]  # type: ignore[arg-type]
    assert thresholds(content) == pytest.approx(found)
    assert thresholds(with_thresholds(content, [0.25, 0.75])) == [0.25, 0.75]
    assert thresholds(serialize(specimen("residual").net, IMAGES[:2])) == []


def test_a_branch_holds_the_weights_that_it_reads(content: bytes) -> None:
    outer, *branches = graphs(onnx.ModelProto.FromString(content).graph)
    known = {held.name for held in outer.initializer if not held.name.endswith(THRESHOLD)}
    assert len(branches) == 4
    for branch in branches:
        assert not known & {name for node in branch.node for name in node.input}


def test_integers_are_turned_into_floats_on_either_side_of_a_border() -> None:
    outer, *branches = graphs(onnx.ModelProto.FromString(serialize(exiting(8, *EXITS), IMAGES[:4])).graph)
    floats = {name for node in outer.node if node.op_type == "DequantizeLinear" for name in node.output}
    read = {name for branch in branches for node in branch.node for name in node.input}
    assert not floats & read
    onnx.checker.check_model(serialize(exiting(8, *EXITS), IMAGES[:4]))


def test_without_branches_the_same_is_computed(content: bytes) -> None:
    model = ir.from_proto(onnx.ModelProto.FromString(content))
    order = [node.name for node in flat_nodes(model.graph)]
    flatten(model.graph)
    assert [node.name for node in model.graph] == order
    assert all(node.op_type != "If" for node in model.graph)
    flat = ir.to_proto(model).SerializeToString()
    np.testing.assert_allclose(run(flat, IMAGES), run(content, IMAGES), atol=1e-4)
