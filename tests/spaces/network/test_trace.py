"""What tracing says of a network: layers with shapes and costs, data flow, the layers whose outputs are the classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from parefront.spaces.errors import ConfigError, TraceError
from parefront.spaces.network.channels.flow import labels_of, op_of
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.network.outputs import OutputSpec, output_specs
from parefront.spaces.network.trace import _check_parity, describe
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import add, chain, conv, flat, flatten, images, op, pooled, relu
from ..networks import mixed, same_padded


@pytest.mark.parametrize("network", NETWORKS)
def test_multiply_accumulates_are_half_of_what_torchs_flop_counter_counts(network: str) -> None:
    model, shape = NETWORKS[network]()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images(1, *shape))
    assert specimen(network).graph.macs == counter.get_total_flops() // 2


@pytest.mark.parametrize("network", NETWORKS)
def test_parameters_are_weights_and_one_bias_for_each_output(network: str) -> None:
    layers = [m for m in NETWORKS[network]()[0].modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert specimen(network).graph.params == sum(m.weight.numel() + len(m.weight) for m in layers)


def test_layers_come_in_execution_order_with_their_shapes() -> None:
    graph = specimen("depthwise").graph
    assert [layer.position for layer in graph] == list(range(len(graph.layers)))
    first, depthwise, head = (graph.by_name[name] for name in ("0.0", "3.depthwise.0", "8"))
    assert (first.kind, first.in_shape, first.out_shape) == ("conv", (3, 16, 16), (16, 8, 8))
    assert (depthwise.kind, depthwise.groups, depthwise.kernel, depthwise.stride) == ("depthwise", 32, (3, 3), (2, 2))
    assert (head.kind, head.in_shape, head.out_shape, head.macs) == ("linear", (64,), (10,), 640)


def test_linear_layers_over_a_sequence_count_every_position() -> None:
    inner = mixed()[1].graph.by_name["inner"]
    assert inner.macs == 6 * 10 * 16 * 64


def test_data_flow_names_layers_and_operators() -> None:
    graph = specimen("residual").graph
    joins = [node for node in graph.nodes if node.op == "Add"]
    assert len(joins) == 4
    assert "2.conv2.0" in joins[0].inputs
    assert graph.node["2.conv1.0"].op == "Conv"
    assert set(graph.readers[graph.node["2.conv1.0"].inputs[0]]) == {"2.conv1.0", joins[0].name}
    assert graph.nodes[0].op == "input"
    assert graph.nodes[-1].op == "output"


def test_windows_tell_how_many_pixels_come_out() -> None:
    for graph in (same_padded()[1].graph, specimen("concat").graph):
        windowed = [node for node in graph.nodes if node.window is not None]
        assert windowed == [node for node in graph.nodes if node.op in ("Conv", "MaxPool", "AveragePool")]
        for node in windowed:
            assert node.window is not None
            assert node.window.places(graph.node[node.inputs[0]].shape[1:]) == node.shape[1:]
    assert specimen("plain").graph.node["9"].window is None


def test_the_layers_behind_which_only_the_output_comes_are_its_classes() -> None:
    assert specimen("plain").graph.output_layers == {"9"}
    x = images(2, 4, 8, 8)
    heads = [(name, conv(8, 3), ("a",)) for name in ("b", "c")]
    two = flat(x, ("a", conv(4, 8), ("input",)), *heads, ("out", add(), ("b", "c")))
    assert describe(two, x).output_layers == {"b", "c"}


def test_an_operator_without_a_gradient_does_not_stop_the_trace() -> None:
    x = images(2, 4, 8, 8)
    net = chain(x, a=conv(4, 8), sine=op("Sin"), b=conv(8, 3))
    assert [node.op for node in describe(net, x).nodes] == ["input", "Conv", "Sin", "Conv", "output"]


def test_log_probabilities_and_same_padding_leave_all_groups_whole() -> None:
    assert [group.name for group in same_padded()[1].graph.groups] == ["stem", "wide"]


def test_the_output_s_shape_and_type_are_kept_with_the_network() -> None:
    assert output_specs(specimen("concat").net) == {"output": OutputSpec((10,), torch.float32)}


def test_a_module_that_is_called_twice_has_a_label_for_each_call() -> None:
    x = images(2, 4, 8, 8)
    net = chain(x, a=conv(4, 4), act=relu(), pool=pooled(), flat=flatten(), head=nn.Linear(4, 3))
    act = next(node for node in net.graph.nodes if node.target == "act")
    with net.graph.inserting_after(act):
        again = net.graph.call_module("act", (act,))
    assert labels_of(net)[act] == "act"
    assert labels_of(net)[again] == again.name != "act"
    assert op_of(net, again) == "Relu"


@pytest.mark.parametrize(
    ("actual", "says"),
    [
        (torch.ones(2, 3), r"gives shape \(2, 3\), the model \(2, 4\)"),
        (torch.full((2, 4), 1.01), "differs from the model by 1.0e-02"),
        (torch.full((2, 4), float("nan")), "differs from the model by nan"),
    ],
)
def test_an_export_that_differs_is_refused(actual: torch.Tensor, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        _check_parity(torch.ones(2, 4), actual)


def test_a_graph_can_be_told_more_without_being_changed() -> None:
    graph: ModelGraph = specimen("plain").graph
    assert replace(graph, groups=()).groups == ()
    assert graph.groups
    assert not issubclass(TraceError, ConfigError)
