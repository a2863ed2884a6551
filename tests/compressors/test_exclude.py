"""Layers that are left out have no knob, and come out as they went in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import numpy_helper

from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy

from .conftest import Bench, MakeBench

METHODS: dict[str, dict[str, Any]] = {
    "prune_channels": {"round_to": 1, "compensate": "none"},
    "drop_blocks": {"compensate": "none"},
    "merge": {"compensate": "none"},
    "low_rank": {},
    "separable": {},
    "prune_weights": {},
    "share_weights": {},
    "quantize": {},
}
LEFT_OUT = "2.conv1.0"


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_that_is_left_out_comes_out_as_it_went_in(method: str, bench: MakeBench) -> None:
    subject = bench("residual", **{method: {**METHODS[method], "exclude": [LEFT_OUT]}})
    space = subject.pipeline.space
    net = subject.apply(space.decode({knob.name: knob.choices[-1] for knob in space}))
    before, after = (dict(one.named_modules())[LEFT_OUT] for one in (subject.net, net))
    assert type(after) is type(before)
    for (name, old), (_, new) in zip(before.named_parameters(), after.named_parameters(), strict=True):
        assert torch.equal(old, new), name


def test_all_others_keep_their_knobs(bench: MakeBench) -> None:
    every, some = (bench("residual", quantize=options).pipeline.space for options in ({}, {"exclude": "2.*"}))
    assert [k.name for k in some] == [k.name for k in every if not k.target.startswith("2.")]
    assert 0 < len(some) < len(every)


def test_a_group_whose_channels_the_layer_reads_is_left_out_too(bench: MakeBench) -> None:
    space = bench("plain", prune_channels={"round_to": 1}).pipeline.space
    reader = sorted(next(knob for knob in space if knob.readers).readers)[0]
    left = bench("plain", prune_channels={"round_to": 1, "exclude": [reader]}).pipeline.space
    assert {k.name for k in space} - {k.name for k in left} == {
        k.name for k in space if reader in k.layers | k.readers | {k.target}
    }


def test_exits_behind_a_layer_do_not_change_it(bench: MakeBench) -> None:
    every, some = (
        bench("residual", early_exit={"places": 2, "steps": 1, **more}) for more in ({}, {"exclude": ["2.*"]})
    )
    (plan,) = some.pipeline.plans
    assert {k.target for k in plan.knobs} == {k.target for k in every.pipeline.space if not k.target.startswith("2.")}
    prepared = set() if plan.prepares is None else set(plan.prepares.choices)
    assert prepared == {knob.target for knob in plan.knobs}, "heads are trained where there may be exits"


def test_float_layers_between_integers_are_float_in_the_file(bench: MakeBench, tmp_path: Path) -> None:
    name = bench("plain").graph.layers[1].name
    subject = bench("plain", quantize={"bits": [8], "exclude": [name]})
    net = subject.apply(subject.pipeline.space.start)
    emit(net, tmp_path / "x.onnx", subject.images[:2])
    stored = {t.name: numpy_helper.to_array(t).dtype.name for t in onnx.load(tmp_path / "x.onnx").graph.initializer}
    weights = {key: kind for key, kind in stored.items() if key.endswith("weight") or key.endswith("codes")}
    assert {key for key, kind in weights.items() if kind == "float32"} == {f"_{name.replace('.', '_')}.weight"}


@pytest.mark.parametrize("repair", ["least_squares", "covariance", "batch_norm", "block_reconstruction"])
def test_no_repair_changes_what_every_method_leaves_out(repair: str, bench: MakeBench) -> None:
    subject = bench(
        "residual", drop_blocks={"compensate": repair}, prune_channels={"round_to": 4, "compensate": repair}
    )
    last = subject.graph.layers[-2].name
    policy = subject.pipeline.space.uniform({"drop_blocks": True, "prune_channels": 0.5})
    policy = Policy({name: choice for name, choice in policy.items() if last not in _touched(subject, name)})
    context = replace(subject.context, left_out=frozenset({last}))
    held, mended = (
        subject.pipeline.apply(subject.net, policy, c).get_submodule(last) for c in (context, subject.context)
    )
    before = subject.net.get_submodule(last)
    assert torch.equal(held.get_parameter("weight"), before.get_parameter("weight"))
    assert torch.equal(held.get_parameter("bias"), before.get_parameter("bias"))
    if repair == "least_squares":
        assert not torch.equal(mended.get_parameter("weight"), before.get_parameter("weight")), "else nothing is shown"


def _touched(subject: Bench, name: str) -> frozenset[str]:
    knob = subject.pipeline.space[name]
    return next(plan for plan in subject.pipeline.plans if plan.method == knob.compressor).changes(knob)


@pytest.mark.parametrize(("pattern", "near"), [("2.conv3.0", "2.conv"), ("qqqqqq", "there are: ")])
def test_a_pattern_that_matches_nothing_names_what_is_near(pattern: str, near: str, bench: MakeBench) -> None:
    with pytest.raises(ConfigError, match=rf"exclude: no layer matches '{pattern}'; .*{near}") as told:
        _ = bench("residual", quantize={"exclude": [pattern]}).pipeline
    assert "\n" not in str(told.value)
