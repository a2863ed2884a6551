"""The artefact: written node by node, equal networks to equal bytes, right for any batch, whatever the modules are."""

from __future__ import annotations

import copy
import hashlib
import operator
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, fx, nn

from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.network.capture import OPSET
from parefront.spaces.network.emission import Builder, Emittable
from parefront.spaces.network.emit import EDITED, EXPORTED, UnknownModule, emit, serialize
from parefront.spaces.network.export import IR_VERSION
from parefront.spaces.network.layers import PaddedConv2d, SequenceLinear
from parefront.spaces.network.ops import Op
from parefront.spaces.network.outputs import remember_outputs
from parefront.spaces.network.trace import trace
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import add, chain, conv, flat, flatten, images, op, pooled, relu


class Doubled(nn.Module):
    """A module that no emitter knows."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x) * 2
        return out


class LowRank(Emittable):
    """Two matrices for one, written by itself."""

    def __init__(self, first: Tensor, second: Tensor) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(first), nn.Parameter(second)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.first @ self.second

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        factors = [builder.constant(name, p.detach().numpy()) for name, p in self.named_parameters()]
        inner = builder.node("MatMul", [inputs[0], factors[0]], suffix=".inner")
        return builder.node("MatMul", [inner[0], factors[1]])


def with_module(net: fx.GraphModule, name: str, module: nn.Module) -> fx.GraphModule:
    changed = copy.deepcopy(net)
    changed.set_submodule(name, module)
    return changed


def parity(net: fx.GraphModule, inputs: Tensor, folder: Path) -> float:
    """The greater of the differences on one image and on all of them."""
    session = open_session(emit(net, folder / "net.onnx", inputs).path, threads=1)
    return max(check_parity(session, net, inputs[:1]), check_parity(session, net, inputs))


@pytest.mark.parametrize("network", NETWORKS)
def test_an_artefact_is_a_valid_model_with_a_free_batch_axis(network: str, tmp_path: Path) -> None:
    subject = specimen(network)
    artifact = emit(subject.net, tmp_path / "net.onnx", subject.images[:4])
    model = onnx.load(str(artifact.path))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == IR_VERSION
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == OPSET
    (source,), (result,) = model.graph.input, model.graph.output
    assert (source.name, result.name) == ("input", "output")
    assert [d.dim_param or d.dim_value for d in source.type.tensor_type.shape.dim] == ["batch", 3, 16, 16]
    assert [d.dim_param or d.dim_value for d in result.type.tensor_type.shape.dim] == ["batch", 10]


@pytest.mark.parametrize("network", NETWORKS)
def test_an_artefact_computes_what_the_network_computes(network: str, tmp_path: Path) -> None:
    assert parity(specimen(network).net, specimen(network).images[:7], tmp_path) < 1e-5


def test_the_file_is_what_is_said_of_it(tmp_path: Path) -> None:
    subject = specimen("plain")
    artifact = emit(subject.net, tmp_path / "net.onnx", subject.images[:4])
    content = artifact.path.read_bytes()
    assert artifact.path == tmp_path / "net.onnx"
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert artifact.size_bytes == len(content)
    assert artifact.input_shapes == {"input": (3, 16, 16)}
    assert artifact.made_by == EDITED
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"], "nothing else is left behind"


def test_an_older_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"older" * 100_000)
    artifact = emit(specimen("plain").net, tmp_path / "net.onnx", images(1, 3, 16, 16))
    assert artifact.path.read_bytes() == serialize(specimen("plain").net, images(1, 3, 16, 16))


def test_equal_networks_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    x = images(2, 3, 16, 16)
    net, same, other = (copy.deepcopy(specimen("residual").net) for _ in range(3))
    other.get_parameter("8.bias").data[0] += 1
    first, second, third = (serialize(each, x) for each in (net, same, other))
    assert first == second != third


def test_a_network_traced_again_gives_equal_bytes() -> None:
    model, shape = NETWORKS["plain"]()
    again = trace(model, images(2, *shape)).net
    assert serialize(again, images(2, *shape)) == serialize(specimen("plain").net, images(2, *shape))


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Conv1d(4, 6, 3, padding=1), (5, 4, 9)),
        (nn.Conv3d(2, 3, 3, stride=2), (5, 2, 7, 7, 7)),
        (nn.Conv2d(4, 6, 3, bias=False, dilation=2), (5, 4, 9, 9)),
        (nn.BatchNorm2d(4), (5, 4, 6, 6)),
        (nn.LayerNorm(6, eps=1e-3), (5, 4, 6)),
        (nn.Linear(6, 4, bias=False), (5, 6)),
        (SequenceLinear(6, 4), (5, 3, 6)),
        (SequenceLinear(6, 4, bias=False), (5, 3, 2, 6)),
        (op("Split", {1: [1, 3]}, axis=1), (5, 4, 6, 6)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_every_kind_of_layer_is_written(module: nn.Module, shape: tuple[int, ...], tmp_path: Path) -> None:
    x = images(*shape)
    if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
        nn.init.normal_(module.weight)
        nn.init.normal_(module.bias)
    if isinstance(module, Op):
        module.outputs = 2
        graph = fx.Graph()
        split = graph.call_module("m", (graph.placeholder("input"),))
        graph.output(graph.call_function(operator.getitem, (split, 1)))
        net = fx.GraphModule({"m": module}, graph)
        remember_outputs(net, net(x))
    else:
        net = chain(x, m=module)
    assert parity(net, x, tmp_path) < 1e-5


def test_constants_and_shapes_in_the_flow_are_written(tmp_path: Path) -> None:
    x = images(5, 4, 6, 6)
    shift = op("Constant", {0: images(4, 1, 1)}, arity=0)
    net = flat(x, ("shift", shift, ()), ("sum", add(), ("input", "shift")), ("act", relu(), ("sum",)))
    assert parity(net, x, tmp_path) < 1e-6
    sizes = flat(
        x, ("shape", op("Shape", start=0, end=1), ("input",)),
        ("size", op("Concat", {1: [4, 36]}, arity=1, axis=0), ("shape",)),
        ("out", op("Reshape", arity=2), ("input", "size")),
    )  # fmt: skip
    assert parity(sizes, x, tmp_path) == 0


def test_same_padding_is_the_convolutions_own(tmp_path: Path) -> None:
    x = images(5, 3, 8, 8)
    padded = PaddedConv2d(3, 4, 3, stride=2)
    padded.pads = (0, 1, 0, 1)
    net = chain(x, conv=padded, act=relu())
    assert parity(net, x, tmp_path) < 1e-6
    assert [node.op_type for node in onnx.load(str(tmp_path / "net.onnx")).graph.node] == ["Conv", "Relu"]


def test_a_network_that_gives_back_its_input_has_a_node(tmp_path: Path) -> None:
    x = images(3, 4)
    graph = fx.Graph()
    graph.output(graph.placeholder("input"))
    net = fx.GraphModule({}, graph)
    remember_outputs(net, x)
    assert parity(net, x, tmp_path) == 0


def test_a_module_that_writes_itself_is_part_of_the_graph(tmp_path: Path) -> None:
    subject = specimen("plain")
    head = subject.net.get_submodule("9")
    u, s, v = torch.linalg.svd(head.get_parameter("weight").detach().T, full_matrices=False)
    net = with_module(subject.net, "9", LowRank(u[:, :4] * s[:4], v[:4]))
    artifact = emit(net, tmp_path / "net.onnx", subject.images[:4])
    assert artifact.made_by == EDITED
    held = {tensor.name for tensor in onnx.load(str(artifact.path)).graph.initializer}
    assert {"_9.first", "_9.second"} <= held
    assert parity(net, subject.images[:5], tmp_path) < 1e-5


def test_an_unknown_module_leads_to_a_full_export_that_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    subject = specimen("depthwise")
    net = with_module(subject.net, "4.0", Doubled(subject.net.get_submodule("4.0")))
    with pytest.raises(UnknownModule, match="Doubled"):
        serialize(net, subject.images[:4])
    artifact = emit(net, tmp_path / "net.onnx", subject.images[:4][:1])
    assert artifact.made_by == EXPORTED
    session = open_session(artifact.path, threads=1)
    assert (session.get_inputs()[0].name, session.get_outputs()[0].name) == ("input", "output")
    for batch in (1, 5):
        assert check_parity(session, net, subject.images[:batch]) < 1e-5
    assert capfd.readouterr() == ("", ""), "the exporter is quiet"


def test_names_follow_the_layers() -> None:
    x = images(2, 3, 8, 8)
    net = chain(x, stem=conv(3, 4), act=relu(), pool=pooled(), flat=flatten(), head=nn.Linear(4, 2))
    graph = onnx.load_from_string(serialize(net, x)).graph
    assert [node.name for node in graph.node] == ["stem", "act", "pool", "flat", "head"]
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert held.keys() == {"stem.weight", "stem.bias", "head.weight", "head.bias"}
    np.testing.assert_array_equal(held["stem.weight"], net.get_parameter("stem.weight").detach().numpy())
