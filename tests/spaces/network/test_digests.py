"""Networks that begin alike have equal digests as far as they do, and no further."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from parefront.spaces.network.digests import digests
from parefront.spaces.network.rebuild import duplicate
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import chain, conv, images, relu


def alike(one: fx.GraphModule, other: fx.GraphModule) -> list[bool]:
    return [a == b for a, b in zip(digests(one).values(), digests(other).values(), strict=True)]


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_a_copy_is_like_its_original(network: str) -> None:
    net = specimen(network).net
    assert all(alike(net, duplicate(net)))


def test_networks_are_alike_up_to_the_first_weight_that_differs() -> None:
    net = chain(images(1, 3, 8, 8), a=conv(3, 4), act=relu(), b=conv(4, 4), c=conv(4, 2))
    other = duplicate(net)
    with torch.no_grad():
        other.get_submodule("b").get_parameter("bias")[1] += 1e-7
    assert alike(net, other) == [True, True, True, False, False, False]


@pytest.mark.parametrize("other", [conv(3, 4, dilation=2), nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3, padding=(1, 0))])
def test_what_a_layer_does_counts_as_its_weights_do(other: nn.Conv2d) -> None:
    first = conv(3, 4)
    other.load_state_dict(first.state_dict())
    x = images(1, 3, 8, 8)
    assert alike(chain(x, a=first), chain(x, a=other)) == [True, False, False]


def test_what_is_asked_about_a_node_counts() -> None:
    net = chain(images(1, 3, 8, 8), a=conv(3, 4), act=relu())
    one, other = digests(net, lambda node: node.name == "a"), digests(net)
    assert [one[node] == other[node] for node in net.graph.nodes] == [False] * 4
    assert digests(net, lambda _: ("a", 1)) != digests(net, lambda _: ("a", "1"))


def test_what_cannot_be_compared_is_unlike_itself() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.held = object()

        def forward(self, x: Tensor) -> Tensor:
            return x

    net = chain(images(1, 3, 8, 8), a=conv(3, 4), odd=Odd())
    assert alike(net, net) == [True, True, False, False]


def test_tensors_that_a_module_holds_as_they_are_count() -> None:
    class Scaled(nn.Module):
        def __init__(self, *scales: float) -> None:
            super().__init__()
            self.scales, self.none = torch.tensor(scales), None

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scales.sum()

    nets = [chain(images(1, 3, 8, 8), a=conv(3, 4), act=Scaled(*scales)) for scales in ((1, 2), (1, 3))]
    nets[1].get_submodule("a").load_state_dict(nets[0].get_submodule("a").state_dict())
    assert all(alike(nets[0], nets[0]))
    assert alike(*nets) == [True, True, False, False]
