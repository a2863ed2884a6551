"""Running a changed network from its first change on: the same floats, and the layers before are not run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn.modules.module import register_module_forward_hook

from parefront.evaluators.trial.prefix import Prefix
from parefront.spaces.network.channels.flow import op_of
from parefront.spaces.network.hooks import watching
from parefront.spaces.network.ops import Op
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.network.trace import trace
from parefront.spaces.tensors.batch import Batch, alone, joined, named
from parefront.testing.networks import NETWORKS, random_images
from parefront.testing.specimen import specimen

from ...several import Everything, everything, made

BATCHES = torch.split(random_images(12, seed=3), 5)


def whole(net: fx.GraphModule) -> Tensor:
    with torch.no_grad():
        return torch.cat([net(batch) for batch in BATCHES])


def layers(net: fx.GraphModule) -> list[str]:
    """Names of the layers with weights, in the order they run in."""
    called = [str(node.target) for node in net.graph.nodes if node.op == "call_module"]
    return [name for name in called if isinstance(net.get_submodule(name), nn.Conv2d | nn.Linear)]


def changed_at(net: fx.GraphModule, name: str) -> fx.GraphModule:
    copy = duplicate(net)
    with torch.no_grad():
        copy.get_submodule(name).get_parameter("weight")[0].mul_(0.5)
    return copy


def layers_run(net: fx.GraphModule, prefix: Prefix) -> set[str]:
    """Of :func:`layers` those that are run for the outputs."""
    names = {id(net.get_submodule(name)): name for name in layers(net)}
    ran: set[str] = set()
    with watching([register_module_forward_hook(lambda module, *_: ran.add(names.get(id(module), "")))]):
        prefix.outputs(net)
    return ran - {""}


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_outputs_are_those_of_the_whole_network_whatever_is_changed(network: str) -> None:
    net = specimen(network).net
    prefix = Prefix(net, BATCHES)
    assert torch.equal(alone(prefix.outputs(duplicate(net))), whole(net))
    for name in layers(net):
        changed = changed_at(net, name)
        assert torch.equal(alone(prefix.outputs(changed)), whole(changed)), name
        assert not torch.equal(whole(changed), whole(net))


def test_layers_before_the_change_are_not_run() -> None:
    net = specimen("residual").net
    prefix, names = Prefix(net, BATCHES), layers(net)
    assert layers_run(changed_at(net, names[-1]), prefix) == {names[-1]}
    assert layers_run(changed_at(net, names[0]), prefix) == set(names)
    blocks = sorted({name.split(".")[0] for name in names}, key=int)
    second = [name for name in names if name.split(".")[0] == blocks[2]]
    ran = layers_run(changed_at(net, second[-1]), prefix)
    assert ran == {name for name in names if int(name.split(".")[0]) >= int(blocks[2])}


def test_a_change_of_an_attribute_counts_as_one() -> None:
    net = specimen("plain").net
    prefix, changed = Prefix(net, BATCHES), duplicate(net)
    pool = next(m for m in changed.modules() if isinstance(m, Op) and m.op_type == "MaxPool")
    pool.op_type = "AveragePool"
    expected = whole(changed)
    assert not torch.equal(expected, whole(net))
    assert torch.equal(alone(prefix.outputs(changed)), expected)


def test_a_node_that_is_gone_counts_as_a_change() -> None:
    net = specimen("residual").net
    prefix, changed = Prefix(net, BATCHES), duplicate(net)
    relu = next(node for node in changed.graph.nodes if op_of(changed, node) == "Relu")
    relu.replace_all_uses_with(relu.all_input_nodes[0])
    changed.graph.erase_node(relu)
    changed.recompile()
    assert torch.equal(alone(prefix.outputs(changed)), whole(changed))
    assert not torch.equal(whole(changed), whole(net))


def test_a_skip_added_behind_a_cut_is_no_reason_to_lose_what_it_reads() -> None:
    net = specimen("plain").net
    prefix, changed = Prefix(net, BATCHES), duplicate(net)
    first, *_, last = [node for node in changed.graph.nodes if op_of(changed, node) == "Conv"]
    changed.add_module("long", nn.AdaptiveAvgPool2d(1))
    changed.add_module("widen", nn.Conv2d(16, 32, 1))
    end = next(iter(last.users))
    with changed.graph.inserting_after(end):
        pooled = changed.graph.call_module("long", (first,))
    with changed.graph.inserting_after(pooled):
        widened = changed.graph.call_module("widen", (pooled,))
    changed.add_module("sum", Op("Add", arity=2))
    with changed.graph.inserting_after(widened):
        total = changed.graph.call_module("sum", (end, widened))
    end.replace_all_uses_with(total, delete_user_cb=lambda user: user is not total)
    changed.recompile()
    assert torch.equal(alone(prefix.outputs(changed)), whole(changed))


def test_what_is_kept_stays_within_its_bytes() -> None:
    net = specimen("residual").net
    everything = Prefix(net, BATCHES, kept_bytes=1e9)
    less = Prefix(net, BATCHES, kept_bytes=everything.nbytes / 3)
    assert 0 < less.nbytes <= everything.nbytes / 3
    assert Prefix(net, BATCHES, kept_bytes=1).nbytes == 0
    changed = changed_at(net, layers(net)[-1])
    assert torch.equal(alone(less.outputs(changed)), whole(changed))


def test_several_inputs_and_outputs_are_those_of_the_whole_network() -> None:
    traced = trace(made(Everything), everything())
    inputs = traced.signature.inputs.batch(everything(10, seed=1))
    prefix = Prefix(traced.net, [inputs[:4], inputs[4:]])
    for name in ("colour.0", "two.1", "where"):
        changed = changed_at(traced.net, name)
        with torch.no_grad():
            expected = joined([Batch(changed(part)) for part in (inputs[:4], inputs[4:])])
        found = prefix.outputs(changed)
        for key, part in named(found, "output").items():
            assert torch.equal(part, named(expected, "output")[key])
    assert layers_run(changed_at(traced.net, "where"), prefix) == {"where", "head"}
