"""What sparsity training adds to the loss, by torch-pruning and by plain sums, and what pruning loses after it."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
import torch_pruning as tp
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.compressors.recovery.batches.sources import Samples
from parefront.compressors.recovery.losses.outputs import squared_error
from parefront.compressors.recovery.losses.penalties import Penalties, coupled
from parefront.compressors.recovery.normalisation import SUFFIX, insert_norms
from parefront.compressors.recovery.recipe import Recipe, check_penalties
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.recovery.training import Training
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.structure.criteria import importance, most_important
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.graph import ChannelGroup
from parefront.spaces.network.rebuild import duplicate
from parefront.testing.networks import random_images
from parefront.testing.specimen import Specimen, specimen

UNNEEDED = [1, 2, 5, 7, 8, 11, 12, 14]
"""Of the 16 channels of the first layer, those that :func:`with_unneeded` has nobody read."""
STEPS = 120


def normed(held: Specimen) -> fx.GraphModule:
    net = duplicate(held.net)
    insert_norms(net, held.images)
    return net


def largest(held: Specimen) -> ChannelGroup:
    return max(held.graph.groups, key=lambda group: len(group.slices))


@pytest.mark.parametrize("network", ["plain", "residual", "concat"])
def test_a_channels_weights_are_those_of_the_group_that_torch_pruning_finds(network: str) -> None:
    held = specimen(network)
    net = copy.deepcopy(held.net)
    graph = tp.DependencyGraph().build_dependency(net, example_inputs=held.calibration.example[:1])
    judge = tp.importance.GroupMagnitudeImportance(p=2, group_reduction="sum", normalizer=None)
    group = largest(held)
    found = coupled(held.net, group)
    assert found is not None
    module = net.get_submodule(group.name)
    prune = graph.get_pruner_of_module(module).prune_out_channels
    theirs = judge(graph.get_pruning_group(module, prune, list(range(group.channels)))).detach()
    torch.testing.assert_close(found.squares(), theirs, rtol=1e-4, atol=1e-6)


def test_slimming_is_the_sum_of_the_scales_of_norms_whose_channels_can_go() -> None:
    net, graph = normed(specimen("residual")), specimen("residual").graph
    scales = [module.weight for name, module in net.named_modules() if name.endswith(SUFFIX)]
    expected = sum(float(scale.detach().abs().sum()) for scale in scales)
    assert Penalties({"slimming": 0.5}, net, graph.groups).loss(0.0).item() == pytest.approx(0.5 * expected)


def test_group_lasso_is_of_all_weights_of_a_channel() -> None:
    held = specimen("plain")
    group = held.graph.groups[0]
    writer, reader = (held.net.get_submodule(part.layer).get_parameter("weight") for part in group.slices)
    expected = 0.0
    for channel in range(group.channels):
        weights = torch.cat([writer[channel].flatten(), reader[:, channel].flatten()])
        expected += len(weights) ** 0.5 * float(weights.norm())
    assert Penalties({"group_lasso": 1.0}, held.net, [group]).loss(0.0).item() == pytest.approx(expected, rel=1e-4)


def test_growing_is_of_the_lesser_half_and_grows_with_the_steps() -> None:
    net, group = normed(specimen("residual")), largest(specimen("residual"))
    found = coupled(net, group)
    assert found is not None
    least = float(found.squares().sort().values[: group.channels // 2].sum())
    penalties = Penalties({"growing": 2.0}, net, [group])
    assert [penalties.loss(share).item() for share in (0.0, 0.5, 1.0)] == pytest.approx([0.0, least / 2, least])


def test_a_group_that_has_lost_channels_is_left_out() -> None:
    held = specimen("residual")
    net, groups = pruned(held.net, held, 0.5), held.graph.groups
    assert [coupled(net, group) for group in groups] == [None] * len(groups)
    assert Penalties({"group_lasso": 1.0}, net, groups).loss(1.0).item() == 0.0


@pytest.fixture(scope="module")
def with_unneeded() -> Specimen:
    """A network with filters that are as large as the others, of which the outputs are read by nobody."""
    held = specimen("plain")
    net = duplicate(held.net)
    with torch.no_grad():
        net.get_submodule("2.0").get_parameter("weight")[:, UNNEEDED] = 0.0
        net.get_submodule("0.0").get_parameter("weight")[UNNEEDED] *= 1.5
    return Specimen(net, held.graph, Calibration(net, held.images))


def trained(held: Specimen, penalties: Mapping[str, float]) -> fx.GraphModule:
    """Towards itself, with or without penalties; norms are folded away, and forgotten as they are in a file."""
    images = random_images(256, seed=5)
    recipe = Recipe(batch=32, penalties=penalties, augment=())
    source = Samples(lambda rows: (images[torch.from_numpy(rows)], None), len(images), recipe.batch)
    stream = Stream(source, held.net, Augmentation(()))
    net, groups = duplicate(held.net), held.graph.groups[:1]
    training = Training(net, stream, recipe, STEPS, 0.1, held.images, groups=groups)
    for _ in range(STEPS):
        training.step()
    net = training.finish()
    for module in net.modules():
        for name in ("norm_scale", "norm_shift", "norm_factor"):
            module._buffers.pop(name, None)
    return net


def pruned(net: fx.GraphModule, held: Specimen, ratio: float) -> fx.GraphModule:
    options = {"criterion": "l2", "round_to": 4, "compensate": "none"}
    pipeline = Pipeline.of([create("prune_channels", options)], held.graph)
    policy = pipeline.space.uniform({"prune_channels": ratio})
    return pipeline.structured(net, policy, Context(held.graph, Calibration(net, held.images)))


def lost_by_pruning(net: fx.GraphModule, held: Specimen) -> float:
    """Mean squared error of the outputs once the first layer has lost the half of its channels that is least by l2."""
    group, changed = held.graph.groups[0], duplicate(net)
    kept = most_important(importance("l2", net, group, Calibration(net, held.images)), group.channels // 2)
    gone = [channel for channel in range(group.channels) if channel not in kept]
    with torch.no_grad():
        for parameter in changed.get_submodule(group.name).parameters():
            parameter[gone] = 0.0
        return float(squared_error(changed(held.images), held.net(held.images)))


@pytest.mark.parametrize("penalty", [{"slimming": 0.1}, {"growing": 1.0}])
def test_channels_that_are_not_needed_become_small_so_that_pruning_loses_less(
    penalty: dict[str, float], with_unneeded: Specimen, without_penalty: fx.GraphModule
) -> None:
    group, sparse = with_unneeded.graph.groups[0], trained(with_unneeded, penalty)
    scores = importance("l2", sparse, group, Calibration(sparse, with_unneeded.images))
    assert scores[UNNEEDED].max() < 0.1 * scores.max()
    assert lost_by_pruning(sparse, with_unneeded) < 0.5 * lost_by_pruning(without_penalty, with_unneeded)


@pytest.fixture(scope="module")
def without_penalty(with_unneeded: Specimen) -> fx.GraphModule:
    return trained(with_unneeded, {})


@pytest.mark.parametrize("name", ["slimming", "group_lasso", "growing"])
def test_a_step_down_the_gradient_makes_channels_smaller(name: str) -> None:
    net, graph = normed(specimen("residual")), specimen("residual").graph
    penalties = Penalties({name: 0.01}, net, graph.groups)
    found = [one for group in graph.groups if (one := coupled(net, group)) is not None]
    before = sum(float(one.squares().sum()) for one in found)
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.05)
    for _ in range(5):
        optimiser.zero_grad()
        torch.autograd.backward(penalties.loss(1.0))
        optimiser.step()
    assert sum(float(one.squares().sum()) for one in found) < before


def test_without_norms_there_is_nothing_to_slim() -> None:
    with pytest.raises(ConfigError, match="slimming is of norms"):
        Penalties({"slimming": 1.0}, specimen("plain").net, specimen("plain").graph.groups)


def test_an_unknown_penalty_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="slimming"):
        check_penalties(["sliming"])


def test_a_recipe_without_penalties_keeps_its_digest() -> None:
    assert Recipe(penalties={}).digest == Recipe().digest != Recipe(penalties={"slimming": 0.1}).digest
    assert Recipe().digest == "a7ba02f31fda"
