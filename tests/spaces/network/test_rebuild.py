"""The rebuilt network: the user's layers under the user's names, all else an operator, computing the same."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn

from parefront.spaces.network.layers import PaddedConv2d, SequenceLinear, norm_of, origin_of, weight_matrix
from parefront.spaces.network.ops import Op
from parefront.spaces.network.rebuild import duplicate, tidy
from parefront.spaces.network.trace import trace
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import chain, conv, images, op, relu
from ..networks import mixed, same_padded


def calls(net: fx.GraphModule) -> list[str]:
    return [str(node.target) for node in net.graph.nodes if node.op == "call_module"]


@pytest.mark.parametrize("network", NETWORKS)
def test_layers_have_the_users_names_and_weights(network: str) -> None:
    model, net = NETWORKS[network]()[0], specimen(network).net
    layers = {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert {name for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)} == layers.keys()
    for name, layer in layers.items():
        trained = layer.get_parameter("weight").detach().flatten(1)
        torch.testing.assert_close(weight_matrix(net.get_submodule(name)), trained, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_computes_what_the_users_model_computes(network: str) -> None:
    model, shape = NETWORKS[network]()
    x = images(5, *shape)
    with torch.no_grad():
        torch.testing.assert_close(specimen(network).net(x), model(x), rtol=1e-4, atol=1e-5)


def test_a_folded_batch_norm_is_remembered_by_its_layer() -> None:
    model, net = NETWORKS["plain"]()[0], specimen("plain").net
    norm = norm_of(net.get_submodule("2.0"))
    assert norm is not None
    assert torch.equal(norm[0], model.get_submodule("2.1").get_parameter("weight"))
    assert norm_of(net.get_submodule("9")) is None


def test_every_node_is_a_module_or_a_part_of_one() -> None:
    for network in NETWORKS:
        for node in specimen(network).net.graph.nodes:
            assert node.op in ("placeholder", "call_module", "output")


def test_asymmetric_padding_is_kept() -> None:
    model, traced = same_padded()
    stem = traced.net.get_submodule("stem")
    assert isinstance(stem, PaddedConv2d)
    assert stem.pads == (0, 1, 0, 1)
    x = images(3, 3, 16, 16, seed=2)
    with torch.no_grad():
        torch.testing.assert_close(traced.net(x), model(x), rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_used_twice_is_one_module_called_twice() -> None:
    assert [name for name in calls(mixed()[1].net) if name.startswith("twice")] == ["twice", "twice"]


class Attention(nn.Module):
    """A layer of its own weights, and a layer with a name below them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]  # type: ignore[no-any-return]


def test_no_layer_lies_inside_another() -> None:
    model, x = Attention().eval(), images(4, 6, 16)
    net = trace(model, x[:2]).net
    layers = [name for name, m in net.named_modules() if isinstance(m, nn.Linear)]
    assert layers == ["attention.own", "attention.out_proj"]
    with torch.no_grad():
        torch.testing.assert_close(net(x), model(x), rtol=1e-4, atol=1e-5)


def test_a_linear_layer_over_the_last_axis_is_known_as_one() -> None:
    net = mixed()[1].net
    assert isinstance(net.get_submodule("inner"), SequenceLinear)
    assert not isinstance(net.get_submodule("head"), SequenceLinear)
    assert isinstance(net.get_submodule("norm"), nn.LayerNorm)


def test_a_reshape_to_a_matrix_follows_when_channels_go() -> None:
    net = mixed()[1].net
    (reader,) = [node for node in net.graph.nodes if node.target == "head"]
    flatten = net.get_submodule(str(reader.all_input_nodes[0].target))
    assert isinstance(flatten, Op)
    assert flatten.op_type == "Flatten"


def test_channels_start_as_their_own_origin() -> None:
    assert origin_of(specimen("plain").net.get_submodule("0.0")).tolist() == list(range(16))


def test_tidy_drops_what_nothing_reads() -> None:
    net = chain(images(1, 2, 4, 4), first=conv(2, 2), second=relu(), third=conv(2, 2))
    nodes = {str(node.target): node for node in net.graph.nodes}
    nodes["third"].replace_input_with(nodes["second"], nodes["input"])
    tidy(net)
    assert calls(net) == ["third"]
    assert set(dict(net.named_children())) == {"third"}


@pytest.mark.parametrize("network", NETWORKS)
def test_a_duplicate_is_the_same_network_with_tensors_of_its_own(network: str) -> None:
    net = specimen(network).net
    twin = duplicate(net)
    assert [(n.name, n.target) for n in twin.graph.nodes] == [(n.name, n.target) for n in net.graph.nodes]
    assert twin.meta == net.meta
    held = twin.state_dict()
    assert held.keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.equal(held[name], tensor)
        assert held[name].data_ptr() != tensor.data_ptr()
    for (_, mine), (_, theirs) in zip(twin.named_modules(), net.named_modules(), strict=True):
        assert mine is not theirs
        assert mine.training == theirs.training
        assert mine._forward_hooks is not theirs._forward_hooks
    with torch.no_grad():
        x = specimen(network).calibration.example
        assert torch.equal(twin(x), net(x))


def test_what_a_duplicates_layers_become_leaves_the_network_alone() -> None:
    net = chain(images(1, 3, 8, 8), a=conv(3, 4), act=op("Relu", axes=[1, 2]))
    weight = net.get_parameter("a.weight").detach().clone()
    twin = duplicate(net)
    layer = twin.get_submodule("a")
    layer.get_parameter("weight").data.mul_(2)
    layer.weight = nn.Parameter(layer.get_parameter("weight")[:2])
    layer.register_buffer("mark", torch.ones(1))
    layer.register_buffer("passing", torch.ones(1), persistent=False)
    twin_act, act = twin.get_submodule("act"), net.get_submodule("act")
    assert isinstance(twin_act, Op)
    twin_act.attributes["axes"].append(3)
    assert torch.equal(net.get_parameter("a.weight"), weight)
    assert not hasattr(net.get_submodule("a"), "mark")
    assert not net.get_submodule("a")._non_persistent_buffers_set
    assert act.attributes == {"axes": [1, 2]}
