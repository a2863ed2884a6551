"""Layers that are called more than once: compressed once, for all their calls, and written to the file once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, fx, nn

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.structure.drop_blocks import DropBlocks
from parefront.evaluators.quality.cost import cost_of
from parefront.evaluators.quality.parity import check_parity, prove
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import Traced, trace
from parefront.spaces.policy import Policy

from ..flat import images
from ..spaces.tied import OwnNorms, SharedParameter, Siamese, trained

X = images(48, 3, 16, 32, seed=1)


@functools.cache
def traced(kind: Callable[[], nn.Module] = Siamese) -> tuple[nn.Module, Traced, Calibration]:
    torch.manual_seed(0)
    model = trained(kind())
    found = trace(model, X[:2], prove)
    return model, found, Calibration(found.net, X)


def compressed(kind: Callable[[], nn.Module] = Siamese, /, **choices: Choice) -> fx.GraphModule:
    """Every knob of the methods named at their choice."""
    _, found, calibration = traced(kind)
    options: dict[str, Mapping[str, Any]] = {"prune_channels": {"round_to": 4}, "quantize": {"bits": [32, 8, 4, "w8"]}}
    compressors = [create(name, options.get(name, {})) for name in choices]
    pipeline = Pipeline.of(compressors, found.graph)
    return pipeline.apply(found.net, pipeline.space.uniform(choices), Context(found.graph, calibration))


def size(net: fx.GraphModule, path: Path) -> int:
    return emit(net, path / "made.onnx", X[:2]).size_bytes


def plain_size(model: nn.Module, path: Path) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(model, (X[:2],), dynamo=True, verbose=False)
    assert program is not None
    program.save(str(path / "plain.onnx"), external_data=False)
    return (path / "plain.onnx").stat().st_size


def error(net: fx.GraphModule, kind: Callable[[], nn.Module] = Siamese) -> float:
    """Root mean square difference to the user's model, relative to its outputs' deviation."""
    with torch.no_grad():
        whole, got = traced(kind)[0](X), net(X)
    return float((got - whole).square().mean().sqrt() / whole.std())


@pytest.mark.parametrize("kind", [Siamese, OwnNorms, SharedParameter])
def test_the_uncompressed_file_is_no_larger_than_a_plain_export(kind: Callable[[], nn.Module], tmp_path: Path) -> None:
    model, found, _ = traced(kind)
    assert size(found.net, tmp_path) < plain_size(model, tmp_path) + 1000


def test_integers_of_a_shared_layer_are_in_the_file_once(tmp_path: Path) -> None:
    """A byte for each weight, and what a file of so many nodes takes besides."""
    net = compressed(quantize=8)
    size(net, tmp_path)
    held = onnx.load(tmp_path / "made.onnx").graph.initializer
    weights = [numpy_helper.to_array(tensor) for tensor in held if len(tensor.dims) > 1]
    assert sum(weight.nbytes for weight in weights) == sum(
        layer.params - layer.out_shape[0] for layer in traced()[1].graph
    )


METHODS: dict[str, Choice] = {
    "drop_blocks": True, "prune_channels": 0.5, "low_rank": 0.5, "separable": "grouped_2", "prune_weights": 0.7,
    "share_weights": 16, "quantize": 8,
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_what_a_method_makes_of_a_shared_layer_runs_as_it_does_in_torch(method: str, tmp_path: Path) -> None:
    net = compressed(**{method: METHODS[method]})
    emit(net, tmp_path / "made.onnx", X[:2])
    check_parity(ort.InferenceSession(tmp_path / "made.onnx", providers=["CPUExecutionProvider"]), net, X[:4])


@pytest.mark.parametrize("method", METHODS)
def test_a_compressed_encoder_stays_shared(method: str) -> None:
    net = compressed(**{method: METHODS[method]})
    calls = [str(node.target) for node in net.graph.nodes if str(node.target).startswith("encoder.0")]
    assert len(calls) == 2 * len(set(calls))


def test_parameters_count_once_and_multiplications_for_every_call() -> None:
    _, found, _ = traced()
    cost = cost_of(found.net, X[:1])
    assert cost.params == found.graph.params
    assert cost.macs == found.graph.macs


def test_a_block_of_a_shared_encoder_is_dropped_from_all_its_calls() -> None:
    net = compressed(drop_blocks=True)
    assert not any("encoder.3" in str(node.target) for node in net.graph.nodes)


def test_a_block_whose_layers_are_called_elsewhere_is_not_offered() -> None:
    class Again(Siamese):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.fc(self.after(self.encoder[3].get_submodule("first")(self.encoder(x))).mean((2, 3)))
            return out

    assert DropBlocks().plan(trace(trained(Again()), X[:2]).graph).knobs == []


@pytest.mark.parametrize("repair", ["least_squares", "covariance"])
def test_least_squares_sees_what_every_call_reads(repair: str) -> None:
    """The halves of these images differ a hundredfold: a repair from one call alone ruins the other."""
    torch.manual_seed(0)
    model = trained(Siamese())
    inputs = torch.cat([X[..., :16], 0.01 * X[..., 16:]], -1)
    found = trace(model, inputs[:2])
    errors = []
    for order in (inputs, inputs.flip(-1)):
        calibration = Calibration(found.net, order)
        method = create("prune_channels", {"round_to": 4, "compensate": repair})
        pipeline, policy = Pipeline.of([method], found.graph), Policy({"prune_channels:encoder.3.first": 0.5})
        net = pipeline.apply(found.net, policy, Context(found.graph, calibration))
        with torch.no_grad():
            errors.append(float((net(order) - model(order)).std() / model(order).std()))
    assert max(errors) < 2 * min(errors)
    assert max(errors) < 0.5


def test_a_shared_layer_is_repaired_before_its_first_call() -> None:
    assert error(compressed(prune_channels=0.5)) < 0.8 * error(_plain(0.5))


def _plain(ratio: float) -> fx.GraphModule:
    _, found, calibration = traced()
    method = create("prune_channels", {"round_to": 4, "compensate": "none"})
    pipeline = Pipeline.of([method], found.graph)
    policy = pipeline.space.uniform({"prune_channels": ratio})
    return pipeline.apply(found.net, policy, Context(found.graph, calibration))
