"""Early exits: who is sure leaves, at a head that is the least-squares solution, and all others are as before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parefront.compressors.base import Compressor
from parefront.compressors.exits.early_exit import EarlyExit, EarlyExitOptions
from parefront.compressors.exits.exit import answers_of, exits_of, leaving_at
from parefront.compressors.exits.heads import RIDGE, solved
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.exit_parity import check_every_way
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit
from parefront.spaces.network.trace import trace
from parefront.spaces.policy import Policy
from parefront.testing.compressors import CompressorConformance
from parefront.testing.specimen import specimen

from ..conftest import Bench, MakeBench

FIRST, SECOND = "early_exit/2.conv2.0", "early_exit/4.conv2.0"
"""Behind the first and the third of four residual blocks."""


class TestConformance(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return EarlyExit()


@pytest.fixture
def subject(bench: MakeBench) -> Bench:
    return bench("residual", early_exit={"places": 2})


def answers(subject: Bench, choices: Mapping[str, Choice]) -> list[Tensor]:
    """What each exit gives for all images, and last the network; of those alone whose knobs are set."""
    net = subject.apply(choices)
    given = []
    for index in range(len(exits_of(net)) + 1):
        with leaving_at(net, index):
            given.append(subject.outputs(net))
    return given


def test_exits_stand_between_blocks_at_even_shares_of_the_macs(subject: Bench) -> None:
    graph, space = subject.graph, subject.pipeline.space
    before = [sum(layer.macs for layer in graph if layer.position < knob.position) for knob in space]
    assert [round(macs / graph.macs, 2) for macs in before] == [0.28, 0.74]
    assert [knob.name for knob in space] == [FIRST, SECOND]


def test_more_places_than_there_are_give_each_once(bench: MakeBench) -> None:
    targets = [knob.target for knob in bench("residual", early_exit={"places": 50}).pipeline.space]
    assert len(targets) == len(set(targets)) > 2


def test_who_is_sure_leaves_and_all_others_are_as_before(subject: Bench) -> None:
    early, last = answers(subject, {FIRST: 0.9})
    torch.testing.assert_close(last, subject.outputs(subject.net))
    confidence = early.softmax(1).amax(1)
    middle = (float(confidence.sort().values[31]) + float(confidence.sort().values[32])) / 2
    sure = confidence >= middle
    assert int(sure.sum()) == 32
    given = subject.outputs(subject.apply({FIRST: middle}))
    torch.testing.assert_close(given, torch.where(sure[:, None], early, last))


def test_of_two_exits_the_first_decides_first(subject: Bench) -> None:
    first, second, last = answers(subject, {FIRST: 0.9, SECOND: 0.9})
    sure = [given.softmax(1).amax(1, keepdim=True) for given in (first, second)]
    limits = [float(confidence.median()) + 1e-5 for confidence in sure]
    expected = torch.where(sure[0] >= limits[0], first, torch.where(sure[1] >= limits[1], second, last))
    given = subject.outputs(subject.apply({FIRST: limits[0], SECOND: limits[1]}))
    torch.testing.assert_close(given, expected)


def test_a_later_exit_is_nearer_to_what_the_network_gives(subject: Bench) -> None:
    first, second, last = answers(subject, {FIRST: 0.9, SECOND: 0.9})
    assert (second - last).square().mean() < (first - last).square().mean() < last.var()


def test_a_head_is_the_ridge_regression_on_standardised_features() -> None:
    """Its oracle is ordinary least squares with a row more for each feature, which pulls its weight to zero."""
    generator = np.random.default_rng(0)
    features, outputs = generator.normal(2, 3, (40, 6)).astype(np.float32), generator.normal(size=(40, 3))
    means, scale = features.mean(0), features.std(0)
    rows = np.concatenate([(features - means) / scale, np.sqrt(RIDGE * 40) * np.eye(6)])
    wanted = np.concatenate([outputs - outputs.mean(0), np.zeros((6, 3))])
    weight = np.linalg.lstsq(rows, wanted, rcond=None)[0] / scale[:, None]
    with torch.no_grad():
        given = solved(torch.from_numpy(features), torch.from_numpy(outputs))(torch.from_numpy(features))
    np.testing.assert_allclose(given, (features - means) @ weight + outputs.mean(0), rtol=1e-4, atol=1e-4)


def test_a_feature_that_never_changes_has_no_weight() -> None:
    features = torch.cat([torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), torch.full((20, 1), 7.0)], 1)
    assert solved(features, features[:, :2]).weight[:, 2].abs().max() == 0


def test_an_exit_behind_a_dropped_block_stands_behind_what_was_before_it(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={"compensate": "none"}, early_exit={"places": 50})
    early, last = answers(subject, {"drop_blocks/3": True, "early_exit/3.conv2.0": 0.9})
    before, _ = answers(subject, {"early_exit/2.conv2.0": 0.9})
    torch.testing.assert_close(early, before)
    torch.testing.assert_close(last, subject.outputs(subject.apply({"drop_blocks/3": True})))


def test_an_exit_with_nothing_but_the_head_behind_it_reads_images(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={"compensate": "none"}, early_exit={"places": 50})
    early, last = answers(subject, {"drop_blocks/5": True, "early_exit/4.conv2.0": 0.9})
    assert early.shape == last.shape
    assert (early - last).square().mean() < last.var()


def test_two_exits_that_fall_on_one_place_are_one(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={"compensate": "none"}, early_exit={"places": 50})
    both = {"early_exit/2.conv2.0": 0.9, "early_exit/3.conv2.0": 0.8}
    assert [len(exits_of(subject.apply({**both, "drop_blocks/3": gone}))) for gone in (False, True)] == [2, 1]


def test_every_way_through_the_file_computes_what_the_network_computes(bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("residual", early_exit={"places": 2}, quantize={"bits": [32, 8]})
    for choices in (Policy(), subject.pipeline.space.uniform({"quantize": 8})):
        net = subject.apply({**choices, FIRST: 0.7, SECOND: 0.7})
        path = emit(net, tmp_path / "x.onnx", subject.calibration.example).path
        check_every_way(open_session(path), path, net, subject.calibration.example)
        assert len(answers_of(net)) == 3


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.Unflatten(1, (2, 5))])
def test_networks_that_give_no_class_scores_have_no_exits(last: nn.Module) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 10), last,
    )  # fmt: skip
    graph = trace(model.eval(), specimen("residual").images[:2], lambda net, inputs: None).graph
    assert not EarlyExit().plan(graph).knobs


def test_confidences_are_probabilities_tried_from_the_highest_down(bench: MakeBench) -> None:
    knob = next(iter(bench("residual", early_exit={"confidences": [0.5, 0.9]}).pipeline.space))
    assert knob.choices == (1.0, 0.9, 0.5)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        EarlyExitOptions(confidences=(1.0,))
