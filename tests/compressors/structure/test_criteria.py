"""Scores of channels: each criterion against its formula or torch-pruning, stages weighed evenly, the best kept."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from parefront.compressors.plan import weights
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.structure.criteria import BY_LAYER, CRITERIA, importance, most_important
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.graph import ChannelGroup
from parefront.spaces.network.layers import weight_matrix
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import Specimen, specimen

from ...flat import chain, conv, images, relu
from ..conftest import MakeBench


@pytest.fixture
def subject() -> Specimen:
    return specimen("plain")


def group_of(subject: Specimen, name: str) -> ChannelGroup:
    return next(group for group in subject.graph.groups if group.name == name)


def score(subject: Specimen, criterion: str, name: str, seed: int = 0) -> np.ndarray:
    return importance(criterion, subject.net, group_of(subject, name), subject.calibration, seed)


def by_mean(scores: Tensor) -> np.ndarray:
    return np.asarray((scores / scores.mean()).detach().numpy())


def test_weights_are_judged_as_they_were_trained(subject: Specimen) -> None:
    model = NETWORKS["plain"]()[0]
    weight = model.get_submodule("2.0").get_parameter("weight").flatten(1)
    scale = model.get_submodule("2.1").get_parameter("weight")
    np.testing.assert_allclose(score(subject, "l1", "2.0"), by_mean(weight.abs().sum(1)), rtol=1e-4)
    np.testing.assert_allclose(score(subject, "l2", "2.0"), by_mean(weight.square().sum(1).sqrt()), rtol=1e-4)
    np.testing.assert_allclose(score(subject, "bn_scale", "2.0"), by_mean(scale.abs()), rtol=1e-4)


def test_statistics_come_from_the_calibration_data(subject: Specimen) -> None:
    calibration = subject.calibration
    taylor, magnitude = calibration.taylor["2.0"], calibration.activation_magnitude["2.0"]
    np.testing.assert_allclose(score(subject, "taylor", "2.0"), by_mean(taylor), rtol=1e-4)
    np.testing.assert_allclose(score(subject, "activation", "2.0"), by_mean(magnitude), rtol=1e-4)


def test_filters_near_the_others_matter_least(subject: Specimen) -> None:
    filters = weight_matrix(subject.net.get_submodule("2.0"))
    distances = torch.stack([torch.stack([(a - b).square().sum().sqrt() for b in filters]).sum() for a in filters])
    np.testing.assert_allclose(score(subject, "fpgm", "2.0"), by_mean(distances), rtol=1e-4)


def test_apoz_counts_what_is_not_zero_behind_the_relu() -> None:
    x = images(70, 3, 6, 6)
    net = chain(x[:1], a=conv(3, 8), act=relu(), b=conv(8, 4))
    with torch.no_grad():
        output = net.get_submodule("act")(net.get_submodule("a")(x))
    kept = (output != 0).float().mean((0, 2, 3))
    torch.testing.assert_close(Calibration(net, x).positive_share["a"], kept)


def test_a_group_is_ranked_as_torch_pruning_ranks_it() -> None:
    """DepGraph's group norm on the residual network, of stages as of single layers; theirs is the square of ours."""
    subject = specimen("residual")
    net = copy.deepcopy(subject.net)
    graph = tp.DependencyGraph().build_dependency(net, example_inputs=subject.calibration.example[:1])
    judge = tp.importance.GroupMagnitudeImportance(p=2, group_reduction="sum", normalizer=None)
    for group in subject.graph.groups:
        module = net.get_submodule(group.name)
        pruner = graph.get_pruner_of_module(module)
        coupled = graph.get_pruning_group(module, pruner.prune_out_channels, list(range(group.channels)))
        theirs = judge(coupled).detach().sqrt()
        np.testing.assert_allclose(score(subject, "group_l2", group.name), by_mean(theirs), rtol=1e-4)


@pytest.mark.parametrize("criterion", sorted(BY_LAYER))
def test_no_layer_of_a_residual_stage_drowns_the_others(criterion: str) -> None:
    subject = specimen("residual")
    group = group_of(subject, "0.0")
    parts = []
    for writer in group.writers:
        layer = subject.net.get_submodule(writer.layer)
        scores = BY_LAYER[criterion](writer.layer, layer, subject.calibration)
        parts.append((scores / scores.abs().mean()).detach().numpy()[np.argsort(writer.roots)])
    np.testing.assert_allclose(score(subject, criterion, "0.0"), np.mean(parts, 0), rtol=1e-4, atol=1e-6)
    assert len(parts) == 3


def test_random_scores_repeat_by_seed_and_differ_between_groups(subject: Specimen) -> None:
    first = score(subject, "random", "2.0", seed=1)
    assert (first == score(subject, "random", "2.0", seed=1)).all()
    assert (first != score(subject, "random", "2.0", seed=2)).any()
    assert (first != score(subject, "random", "5.0", seed=1)).any()


def test_scoring_leaves_the_network_as_it_is(subject: Specimen) -> None:
    net = copy.deepcopy(subject.net)
    calibration = Calibration(net, subject.calibration.inputs, subject.calibration.labels)
    for criterion in CRITERIA:
        importance(criterion, net, group_of(subject, "2.0"), calibration)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(not module._forward_hooks for module in net.modules() if isinstance(module, nn.Conv2d))


def test_the_highest_scores_stay_in_their_order() -> None:
    assert most_important(np.array([0.1, 0.9, 0.5, 0.7]), 2) == [1, 3]
    assert most_important(np.array([0.1, 0.9, 0.5, 0.7]), 3) == [1, 2, 3]


def test_of_equal_scores_the_first_stay() -> None:
    assert most_important(np.ones(6), 3) == [0, 1, 2]


def test_neighbours_of_a_unit_stay_together() -> None:
    assert most_important(np.array([9.0, 0, 4, 4, 5, 5]), 4, unit=2) == [0, 1, 4, 5]


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
@pytest.mark.parametrize("network", ["residual", "depthwise", "concat"])
def test_every_criterion_prunes(criterion: str, network: str, bench: MakeBench) -> None:
    subject = bench(network, prune_channels={"criterion": criterion, "round_to": 4})
    for group in subject.graph.groups:
        scores = importance(criterion, subject.net, group, subject.calibration)
        assert scores.shape == (group.channels,)
        assert np.isfinite(scores).all()
    pruned = subject.uniform(prune_channels=0.5)
    assert weights(pruned) < 0.5 * weights(subject.net)
    assert torch.isfinite(subject.outputs(pruned)).all()


def test_an_unknown_criterion_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(ConfigError) as refusal:
        create("prune_channels", {"criterion": "l3"})
    assert ", ".join(CRITERIA) in str(refusal.value)
