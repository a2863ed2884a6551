"""What is read from a file: names, weights that are shared, inputs and outputs; and what cannot be read."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

from parefront.evaluators.restore.load import load_file, module_of
from parefront.evaluators.restore.parity import parity
from parefront.spaces.errors import ParefrontError
from parefront.spaces.network.emit import serialize
from parefront.spaces.network.trace import trace
from parefront.spaces.tensors.batch import Batch

from ...several import DictOfOutputs, Tokens, TwoInputs, batch_of, made
from ...spaces.zoo import ZOO
from .conftest import MakeArtefact, model
from .test_module import FLOAT


@pytest.mark.parametrize("kind", [TwoInputs, DictOfOutputs, Tokens])
def test_inputs_and_outputs_have_the_names_of_the_user(kind: type[nn.Module]) -> None:
    given = batch_of(kind, 4)
    traced = trace(made(kind), given)
    module = module_of(serialize(traced.net, traced.example))
    tensors = list(given) if isinstance(given, tuple) else [given]
    found = parity(module, None, tensors)

    assert found.relative < FLOAT
    assert module.program.inputs == (tuple(traced.example.parts) if isinstance(traced.example, Batch) else ("input",))
    outputs = module(*tensors)
    assert (list(outputs) == ["logits", "where"]) == (kind is DictOfOutputs)


@pytest.mark.parametrize("network", ["attention", "embedding", "spatial attention", "tied", "u-net"])
def test_networks_of_many_kinds_are_read_and_every_weight_of_them_is_trained(network: str) -> None:
    inputs = torch.randn(4, 3, 32, 32)
    traced = trace(ZOO[network]().eval(), inputs[:2])
    module = module_of(serialize(traced.net, inputs))
    optimiser = torch.optim.SGD(module.parameters(), lr=1e-3)
    assert parity(module, None, inputs).relative < FLOAT
    torch.autograd.backward(module(inputs).square().mean())
    optimiser.step()

    assert all(parameter.grad is not None for parameter in module.parameters())
    assert sum(parameter.dim() > 1 for parameter in module.parameters()) >= len(traced.graph.layers)
    assert parity(module, None, inputs).relative < FLOAT


def test_a_layer_that_is_called_twice_is_one_layer(tmp_path: Path) -> None:
    """And an initialiser that layers share since it is equal, as a bias of zeros, is none."""
    weight = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    other = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    calls = [("one", "w"), ("again", "w"), ("other", "v")]
    sources = ["input", "one", "again", "output"]
    nodes = [
        helper.make_node("Gemm", [sources[n], weight_name, "zeros"], [sources[n + 1]], name, transB=1)
        for n, (name, weight_name) in enumerate(calls)
    ]
    module = module_of(model(nodes, {"w": weight, "v": other, "zeros": np.zeros(3, np.float32)}, [3], [3]))
    inputs = torch.randn(8, 3)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    torch.autograd.backward(module(inputs).square().sum())
    optimiser.step()

    assert {name for name, _ in module.named_parameters()} == {"one.weight", "one.bias", "other.weight", "other.bias"}
    assert parity(module, module.to_onnx(tmp_path / "trained.onnx"), inputs).relative < FLOAT
    assert not torch.equal(module.get_parameter("one.bias"), module.get_parameter("other.bias"))


def test_layers_that_share_a_weight_but_no_bias_train_it_together(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    biases = {"b": np.array([1, 2, 3], np.float32), "c": np.array([0, 2, 1], np.float32)}
    nodes = [
        helper.make_node("Gemm", ["input", "w", "b"], ["one"], "first", transB=1),
        helper.make_node("Gemm", ["one", "w", "c"], ["output"], "second", transB=1),
    ]
    module = copy.deepcopy(module_of(model(nodes, {"w": weight, **biases}, [3], [3])))
    inputs = torch.randn(8, 3)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    torch.autograd.backward(module(inputs).square().sum())
    optimiser.step()

    assert list(module.state_dict()) == ["first.weight", "first.bias", "second.bias"]
    assert parity(module, module.to_onnx(tmp_path / "trained.onnx"), inputs).relative < FLOAT


def test_files_of_other_tools_may_hold_a_scale_as_one_element_and_a_bias_behind_an_identity() -> None:
    generator = np.random.default_rng(0)
    constants: dict[str, np.ndarray] = {
        "codes": generator.integers(0, 255, (4, 2, 3, 3)).astype(np.uint8),
        "scale": np.array([0.02], np.float32),
        "zero": np.array([120], np.uint8),
        "bias": generator.normal(size=4).astype(np.float32),
        "step": np.array([0.1], np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "step", "zero"], ["integers"], "quantize"),
        helper.make_node("DequantizeLinear", ["integers", "step", "zero"], ["floats"], "dequantize"),
        helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["weight"], "weight_dequantize"),
        helper.make_node("Identity", ["bias"], ["same"], "identity"),
        helper.make_node("Conv", ["floats", "weight", "same"], ["output"], "conv"),
    ]
    module = module_of(model(nodes, constants, [2, 5, 5], [4, 3, 3]))
    inputs = torch.randn(3, 2, 5, 5)
    assert [name for name, _ in module.named_parameters()] == ["conv.bias", "conv.weight.latent"]
    assert parity(module, None, inputs).relative < FLOAT
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    torch.autograd.backward(module(inputs).square().mean())
    optimiser.step()

    assert parity(module, None, inputs).relative < FLOAT


def test_takes_inputs_in_order_or_by_name_and_gives_several_outputs_by_name() -> None:
    nodes = [helper.make_node("Sub", ["left", "right"], ["apart"]), helper.make_node("Abs", ["apart"], ["size"])]
    module = module_of(model(nodes, {}, [2], [2], ("left", "right"), ("apart", "size")))
    left, right = torch.randn(4, 2), torch.randn(4, 2)

    for found in (module(left, right), module(left, right=right), module(right=right, left=left)):
        assert list(found) == ["apart", "size"]
        assert torch.equal(found["size"], (left - right).abs())
    with pytest.raises(TypeError, match=r"expected the inputs left, right, each once.* got #1$"):
        module(left)
    with pytest.raises(TypeError, match="got #1, left"):
        module(left, left=left)
    assert list(parity(module).outputs) == ["apart", "size"]


def test_an_operator_without_a_counterpart_is_named_with_its_node(tmp_path: Path) -> None:
    nodes = [helper.make_node("NonMaxSuppression", ["input", "input"], ["output"], "boxes")]
    path = tmp_path / "model.onnx"
    path.write_bytes(model(nodes, {}, [3], [3]))

    with pytest.raises(ParefrontError, match=r"model\.onnx .*: node 'boxes': the operator NonMaxSuppression has no "):
        load_file(path)


@pytest.mark.parametrize("kind", ["int8", "sparse int4"])
def test_a_damaged_file_is_refused_in_one_line_or_still_a_module(kind: str, artefact: MakeArtefact) -> None:
    generator = np.random.default_rng(0)
    whole = np.frombuffer(artefact(kind).path.read_bytes(), np.uint8)
    refusals = []
    for span in [2000, len(whole)] * 30:  # names and nodes, and all of it
        damaged = whole.copy()
        damaged[generator.integers(0, span, 20)] = generator.integers(0, 256, 20)
        try:
            module_of(damaged[: generator.integers(len(whole) // 2, 2 * len(whole))].tobytes(), "damaged.onnx")
        except ParefrontError as error:
            refusals.append(str(error))

    assert refusals
    assert all(said.startswith("damaged.onnx") and "\n" not in said for said in refusals)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")

    with pytest.raises(ParefrontError, match=r"model\.onnx: expected an ONNX model"):
        load_file(path)
