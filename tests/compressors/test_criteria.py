"""Scores of channels: each criterion against its formula, stages weighed evenly, the best channels kept."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from torch import Tensor, nn

from parefront.compressors import Calibration
from parefront.compressors.criteria import CRITERIA, RANDOM, importance, is_known, most_important
from parefront.spaces import ChannelGroup
from parefront.testing import NETWORKS, Specimen, specimen


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


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_no_layer_of_a_residual_stage_drowns_the_others(criterion: str) -> None:
    subject = specimen("residual")
    group = group_of(subject, "0.0")
    parts = []
    for writer in group.writers:
        layer = subject.net.get_submodule(writer.layer)
        scores = CRITERIA[criterion](writer.layer, layer, subject.calibration)
        parts.append(by_mean(scores)[np.argsort(writer.roots)])
    np.testing.assert_allclose(score(subject, criterion, "0.0"), np.mean(parts, 0), rtol=1e-5)
    assert len(parts) == 3


def test_random_scores_repeat_by_seed_and_differ_between_groups(subject: Specimen) -> None:
    first = score(subject, RANDOM, "2.0", seed=1)
    assert (first == score(subject, RANDOM, "2.0", seed=1)).all()
    assert (first != score(subject, RANDOM, "2.0", seed=2)).any()
    assert (first != score(subject, RANDOM, "5.0", seed=1)).any()


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


def test_the_control_is_a_criterion_too() -> None:
    assert all(is_known(name) for name in [*CRITERIA, "random"])
    assert not is_known("l3")
