"""Findings of a profile as a page tells them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parefront.evaluators.results.finding import Finding
from parefront.evaluators.results.profile import Profile
from parefront.report.advice import advised
from parefront.report.network import KnobRow, LayerRow, Network
from parefront.spaces.policy import Policy

LAYERS = tuple(LayerRow(name, "conv", "", 1.0, 1.0) for name in ("stem", "body", "head"))
KNOBS = (
    KnobRow("prune_channels", "stem", (None, 0.5), (0,), (1,)),
    KnobRow("quantize", "head", (None, 8), (2,)),
    KnobRow("exits", "somewhere", (None, 1)),
)


def finding(kind: str, *layers: str) -> Finding:
    return Finding(kind, layers, 40.0, f"{layers[0]} takes 170 µs as Conv, 130 in the other model", "undo it")


@pytest.mark.parametrize(
    ("policy", "slower"),
    [
        ({}, set()),
        ({"quantize/head": 8}, {"head"}),
        ({"prune_channels/stem": 0.5}, {"stem", "body"}),
        ({"quantize/head": 8, "exits/somewhere": 1}, {"stem", "body", "head"}),
    ],
)
def test_no_layer_that_was_left_alone_is_called_slower(policy: dict[str, float], slower: set[str]) -> None:
    found = [finding("slower", layer.name) for layer in LAYERS]
    told = advised(Profile((), 0.0, 0.0, tuple(found)), Network(LAYERS, KNOBS), Policy(policy))

    assert {name for one in told.findings for name in one.layers} == slower


def test_other_findings_stay_and_name_the_uncompressed_model() -> None:
    island = finding("island", "stem")
    told = advised(Profile((), 0.0, 0.0, (island,)), Network(LAYERS, KNOBS), Policy())

    assert told.findings == (replace(island, text="stem takes 170 µs as Conv, 130 in the uncompressed model"),)


def test_a_run_without_a_list_of_layers_keeps_what_was_found() -> None:
    profile = Profile((), 0.0, 0.0, (finding("slower", "stem"),))

    assert len(advised(profile, Network((), ()), Policy({"quantize/head": 8})).findings) == 1
