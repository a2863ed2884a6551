"""Channel pruning: widths that the device likes, the most important channels kept, groups cut whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import fx

from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.structure.criteria import CRITERIA, importance
from parefront.compressors.structure.prune_channels import PruneChannels, PruneOptions
from parefront.compressors.target import Target
from parefront.spaces.network.graph import ChannelGroup
from parefront.spaces.network.layers import origin_of
from parefront.testing.specimen import specimen

from ...flat import chain, conv, images, relu
from ..conftest import MakeBench


def pruner(round_to: int | str = "auto", vector_width: int = 16, **options: object) -> PruneChannels:
    return PruneChannels(PruneOptions.model_validate({"round_to": round_to, **options}), Target(vector_width))


def group(channels: int, unit: int = 1) -> ChannelGroup:
    return ChannelGroup("group", channels, unit, (), 0)


@pytest.mark.parametrize(
    ("channels", "ratio", "round_to", "kept"),
    [
        (64, 0.5, 1, 32),
        (64, 0.5, 8, 32),
        (64, 0.4, 8, 40),
        (64, 0.99, 8, 8),
        (20, 0.5, 8, 8),
        (20, 0.25, 8, 16),
        (20, 0.0, 8, 20),
        (36, 0.0, 16, 36),
        (36, 0.125, 16, 32),
        (10, 0.75, 16, 10),
    ],
)
def test_widths_are_multiples(channels: int, ratio: float, round_to: int, kept: int) -> None:
    assert pruner(round_to).kept(group(channels), ratio) == kept


def test_widths_are_whole_units_of_grouped_convolutions() -> None:
    assert pruner(4).kept(group(48, unit=6), 0.5) == 24
    assert pruner(4).kept(group(48, unit=6), 0.4) == 24


@pytest.mark.parametrize(("channels", "vector_width", "multiple"), [(64, 16, 16), (24, 16, 8), (16, 16, 8), (6, 8, 2)])
def test_auto_rounds_to_the_vector_width_or_less_in_narrow_layers(
    channels: int, vector_width: int, multiple: int
) -> None:
    made = pruner("auto", vector_width, ratios=tuple(i / 64 for i in range(64)))
    widths = {made.kept(group(channels), choice) for choice in made._choices(group(channels))}
    assert widths == set(range(multiple, channels + 1, multiple))


def test_every_choice_is_a_width_of_its_own_and_the_mildest_ratio_for_it() -> None:
    made = pruner(8)
    choices = made._choices(group(20))
    assert choices == (0.0, 0.125, 0.5)
    assert [made.kept(group(20), choice) for choice in choices] == [20, 16, 8]


def test_a_group_without_a_choice_has_no_knob() -> None:
    assert pruner(32).plan(specimen("plain").graph).knobs == []


def test_a_knob_is_about_the_layers_that_write_its_group() -> None:
    knobs = {knob.target: knob for knob in create("prune_channels").plan(specimen("depthwise").graph).knobs}
    assert knobs["2.expand.0"].layers == {"2.expand.0", "2.depthwise.0", "2.squeeze.3"}


def test_a_knob_tells_which_layers_have_less_to_read() -> None:
    knobs = {knob.target: knob for knob in create("prune_channels").plan(specimen("depthwise").graph).knobs}
    assert knobs["2.expand.0"].readers == {"2.depthwise.0", "2.project.0", "2.squeeze.1"}
    assert knobs["4.0"].readers == {"8"}


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_the_most_important_channels_are_kept(criterion: str, bench: MakeBench) -> None:
    subject = bench("plain", prune_channels={"criterion": criterion, "round_to": 1, "compensate": "none", "seed": 5})
    layer = subject.apply({"prune_channels/2.0": 0.75}).get_submodule("2.0")
    (chosen,) = [g for g in subject.graph.groups if g.name == "2.0"]
    scores = importance(criterion, subject.net, chosen, subject.calibration, seed=5)
    assert origin_of(layer).tolist() == sorted(np.argsort(-scores)[:8].tolist())


def test_a_group_is_scored_once_a_run(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def score(net: fx.GraphModule, group: ChannelGroup, data: Calibration, seed: int) -> np.ndarray:
        asked.append(group.name)
        return np.ones(group.channels)

    monkeypatch.setitem(CRITERIA, "l1", score)
    x = images(8, 3, 6, 6)
    subject = bench(chain(x[:1], a=conv(3, 16), act=relu(), b=conv(16, 4)), x, prune_channels={"round_to": 1})
    for ratio in (0.25, 0.5):
        subject.apply({"prune_channels/a": ratio})
    assert asked == ["a"]


def test_layers_that_a_dropped_block_took_along_are_passed_over(bench: MakeBench) -> None:
    subject = bench("residual", drop_blocks={"compensate": "none"}, prune_channels={"round_to": 8})
    net = subject.apply({"drop_blocks/2": True, "prune_channels/0.0": 0.5, "prune_channels/2.conv1.0": 0.5})
    assert "2.conv1.0" not in dict(net.named_modules())
    assert net.get_submodule("3.conv2.0").get_parameter("weight").shape[:2] == (8, 16)
    assert torch.isfinite(subject.outputs(net)).all()


def test_ratios_are_sorted_and_leave_as_is_is_among_them() -> None:
    assert PruneOptions(ratios=(0.5, 0.25)).ratios == (0.0, 0.25, 0.5)


def test_defaults_are_plain_fractions() -> None:
    assert all(isinstance(ratio, float) for ratio in PruneOptions().ratios)
