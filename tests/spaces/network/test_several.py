"""Several inputs and outputs from the user's model to the ONNX file: traced, named, compressed, emitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.evaluators.quality.parity import check_parity, prove
from parefront.evaluators.restore.exact_session import exact_session
from parefront.spaces.errors import TraceError
from parefront.spaces.network.emission import Emittable
from parefront.spaces.network.emit import EXPORTED, emit
from parefront.spaces.network.trace import trace
from parefront.spaces.tensors.batch import named

from ...several import (
    DataclassOfOutputs,
    DictOfOutputs,
    NamedTupleOfOutputs,
    OneDataclass,
    OneDict,
    OnePair,
    Tokens,
    TwoInputs,
    TwoOutputs,
    batch_of,
    block,
    made,
)

BOTH = ("logits", "where")
NAMES: dict[type[nn.Module], tuple[tuple[str, ...], tuple[str, ...]]] = {
    TwoInputs: (("image", "depth"), ("output",)),
    OneDict: (("image", "depth"), ("output",)),
    OneDataclass: (("image", "depth"), ("output",)),
    OnePair: (("pair_0", "pair_1"), ("output",)),
    TwoOutputs: (("input",), ("output_0", "output_1")),
    DictOfOutputs: (("input",), BOTH),
    DataclassOfOutputs: (("input",), BOTH),
    NamedTupleOfOutputs: (("input",), BOTH),
    Tokens: (("tokens", "mask"), ("output",)),
}


def file_gives(path: Path, inputs: Any) -> list[np.ndarray]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [np.asarray(out) for out in session.run(None, {name: part.numpy() for name, part in inputs.items()})]


@pytest.mark.parametrize("kind", NAMES)
def test_the_file_has_the_model_s_names_and_gives_what_the_model_gives(kind: type[nn.Module], tmp_path: Path) -> None:
    model, inputs = made(kind), batch_of(kind, 3, seed=1)
    traced = trace(model, batch_of(kind))
    path = emit(traced.net, tmp_path / "plain.onnx", traced.example).path
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ins, outs = NAMES[kind]
    assert tuple(value.name for value in session.get_inputs()) == ins
    assert tuple(value.name for value in session.get_outputs()) == outs
    assert {value.shape[0] for value in (*session.get_inputs(), *session.get_outputs())} == {"batch"}
    got = file_gives(path, named(traced.signature.inputs.batch(inputs), "input"))
    with torch.no_grad():
        returned = traced.signature.inputs.run(model, traced.signature.inputs.batch(inputs))
    expected = traced.signature.outputs.structure.flatten(returned)
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_allclose(other, one.numpy(), rtol=1e-4, atol=1e-5)


def test_types_of_inputs_are_those_of_the_samples(tmp_path: Path) -> None:
    traced = trace(made(Tokens), batch_of(Tokens))
    path = emit(traced.net, tmp_path / "tokens.onnx", traced.example).path
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [value.type for value in session.get_inputs()] == ["tensor(int64)", "tensor(bool)"]


def test_each_input_is_a_node_of_the_graph_and_channels_behind_any_of_them_can_be_pruned() -> None:
    graph = trace(made(TwoInputs), batch_of(TwoInputs), prove).graph
    assert [(node.name, node.shape) for node in graph.nodes if node.op == "input"] == [
        ("image", (3, 12, 12)), ("depth", (1, 12, 12)),
    ]  # fmt: skip
    assert [group.name for group in graph.groups] == ["colour.0", "distance.0", "both.0"]


class MaskAsChannel(nn.Module):
    """A mask in front of the channels of a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = block(3, 8), block(9, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        joined = torch.cat([mask[:, None].float(), self.first(x)], 1)
        logits: Tensor = self.head(self.second(joined).mean((2, 3)))
        return logits


def test_channels_that_come_from_a_mask_are_counted_in_a_concatenation() -> None:
    generator = torch.Generator().manual_seed(0)
    x, mask = torch.randn(2, 3, 8, 8, generator=generator), torch.rand(2, 8, 8, generator=generator) < 0.5
    graph = trace(made(MaskAsChannel), (x, mask), prove).graph
    assert [group.name for group in graph.groups] == ["first.0", "second.0"]


def test_the_layers_of_every_output_are_kept_whole() -> None:
    graph = trace(made(DictOfOutputs), batch_of(DictOfOutputs), prove).graph
    assert graph.output_layers == {"head", "where"}
    assert [group.name for group in graph.groups] == ["stem.0", "body.0"]


@pytest.mark.parametrize("kind", NAMES)
def test_any_policy_gives_a_file_that_agrees_with_its_network_on_every_output(
    kind: type[nn.Module], tmp_path: Path
) -> None:
    traced = trace(made(kind), batch_of(kind), prove)
    inputs = traced.signature.inputs.batch(batch_of(kind, 16, seed=2))
    context = Context(traced.graph, Calibration(traced.net, inputs))
    methods = [create(name, {}) for name in ("prune_channels", "quantize", "low_rank", "merge")]
    pipeline = Pipeline.of(methods, traced.graph)
    space = pipeline.space
    drawn = np.random.default_rng(0)
    policies = [space.uniform({"quantize": 8, "prune_channels": 0.5}), *(space.sample(drawn) for _ in range(3))]
    for policy in policies:
        net = pipeline.apply(traced.net, policy, context)
        path = emit(net, tmp_path / "candidate.onnx", traced.example).path
        session = exact_session(path)
        for count in (1, 5):
            check_parity(session, net, inputs[:count])
        nodes = onnx_nodes(path)
        assert not any(node.op_type == "QuantizeLinear" and node.input[0] in ("tokens", "mask") for node in nodes)


def onnx_nodes(path: Path) -> list[Any]:
    import onnx

    return list(onnx.load(path).graph.node)


class Through(nn.Module):
    """Gives back an input, one value twice, and whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor, scale: Tensor) -> dict[str, Tensor]:
        logits = self.head(x) * scale[:, None]
        return {"logits": logits, "same": logits, "x": x, "label": logits.argmax(1)}


def test_inputs_and_repeated_values_can_be_outputs_too(tmp_path: Path) -> None:
    model = made(Through)
    x, scale = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)), torch.arange(4.0) + 1
    traced = trace(model, (x, scale))
    path = emit(traced.net, tmp_path / "through.onnx", traced.example).path
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_outputs()] == ["logits", "same", "output_x", "label"]
    got = file_gives(path, {"x": x, "scale": scale})
    for one, other in zip(model(x, scale).values(), got, strict=True):
        np.testing.assert_allclose(other, one.detach().numpy(), rtol=1e-5, atol=1e-6)


class Halved(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0.5


def test_a_module_without_an_emitter_is_exported_with_the_same_names(tmp_path: Path) -> None:
    traced = trace(made(TwoInputs), batch_of(TwoInputs))
    traced.net.add_submodule("halved", Halved())
    (end,) = [node for node in traced.net.graph.nodes if node.op == "output"]
    with traced.net.graph.inserting_before(end):
        end.args = (traced.net.graph.call_module("halved", (end.args[0],)),)
    traced.net.recompile()
    artifact = emit(traced.net, tmp_path / "halved.onnx", traced.example)
    assert artifact.made_by == EXPORTED
    assert not any(isinstance(module, Emittable) for module in traced.net.modules())
    session = ort.InferenceSession(str(artifact.path), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["image", "depth"]
    assert check_parity(session, traced.net, traced.example) < 1e-4


def test_outputs_that_are_no_tensors_are_refused_in_one_line() -> None:
    class Scored(TwoOutputs):
        def forward(self, x: Tensor) -> Any:
            return {"logits": self.both(x)[0], "score": 0.5}

    with pytest.raises(TraceError, match="outputs of the model: expected tensors, got float as score"):
        trace(made(Scored), batch_of(Scored))
