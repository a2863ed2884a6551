"""The MACs of a file: those of the network that it was made of, by torch's own counter, or nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.quality.cost import cost_of
from parefront.evaluators.quality.file_cost import macs_of_file
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen


def exported(net: nn.Module, inputs: Tensor, free: bool = True) -> bytes:
    """As users export, with a batch axis that is free, or of the size that it has there."""
    axes = {"x": {0: "n"}} if free else {}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        torch.onnx.export(net.eval(), (inputs,), path, input_names=["x"], dynamic_axes=axes, dynamo=False)
        return path.read_bytes()


def counted(net: nn.Module, inputs: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(inputs[:1])
    return int(counter.get_total_flops() // 2)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("free", [True, False])
def test_exported_networks_count_as_torch_counts_them(network: str, free: bool) -> None:
    net, shape = NETWORKS[network]()
    inputs = torch.rand(2, *shape)

    assert macs_of_file(exported(net, inputs, free)) == counted(net, inputs)


def test_linear_layers_over_sequences_count_every_row() -> None:
    net, inputs = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4)), torch.rand(2, 5, 8)
    assert macs_of_file(exported(net, inputs)) == 5 * (8 * 16 + 16 * 4)


@pytest.mark.parametrize("choice", [8, "w4", "w8"])
def test_files_with_integers_count_as_their_networks_do(choice: int | str, tmp_path: Path) -> None:
    subject, quantiser = specimen("plain"), create("quantize", {"bits": [32, 8, "w8", "w4"]})
    pipeline = Pipeline.of([quantiser], subject.graph)
    policy = Policy({knob.name: choice for knob in pipeline.space if choice in knob.choices})
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    artifact = emit(net, tmp_path / "made.onnx", subject.calibration.inputs[:2])

    assert policy
    assert macs_of_file(artifact.path.read_bytes()) == cost_of(net, subject.calibration.inputs).macs


def test_what_cannot_be_told_is_none() -> None:
    recurrent = exported(nn.LSTM(4, 8, batch_first=True), torch.rand(1, 5, 4))
    assert macs_of_file(recurrent) is None
    assert macs_of_file(exported(nn.ConvTranspose2d(3, 4, 3), torch.rand(1, 3, 8, 8))) is None


def test_an_operator_of_another_domain_or_an_open_shape_is_none() -> None:
    kernel = helper.make_tensor("w", TensorProto.FLOAT, [2, 3, 3, 3], np.zeros(54))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)

    def model(domain: str, side: int | str) -> bytes:
        image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])
        nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Relu", ["c"], ["y"], domain=domain)]
        graph = helper.make_graph(nodes, "net", [image], [output], [kernel])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())

    assert macs_of_file(model("", 8)) == 36 * 54
    assert macs_of_file(model("own", 8)) is None
    assert macs_of_file(model("", "side")) is None


def test_the_file_is_not_changed() -> None:
    content = exported(nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 8))
    before = onnx.ModelProto.FromString(content)
    macs_of_file(content)
    assert onnx.ModelProto.FromString(content) == before
