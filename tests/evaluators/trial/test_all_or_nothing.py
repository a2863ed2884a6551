"""What is built where no layer may stay in float, or some may not be touched."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from parefront.compressors.target import Target
from parefront.evaluators.trial.builder import Builder
from parefront.spaces.account import account_json
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task

INTEGERS = Policy({"quantize/0": 8, "quantize/4": 8})


def builder(**methods: dict[str, Any]) -> Builder:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)).eval()
    split = TensorDataset(torch.rand(16, 1, 8, 8), torch.arange(16) % 4)
    return Builder(Task(net, split, split, split), methods, Target())


def test_integers_everywhere_are_timed_against_integers() -> None:
    made = builder(prune_channels={"round_to": 4}, quantize={"bits": [8]})
    assert made.space.start == INTEGERS
    assert made.anchor_policies() == [INTEGERS]
    assert made.runs_quantised(INTEGERS)
    assert made.plainest_alike(made.space.uniform({"prune_channels": 0.5})) == made.space.uniform(
        {"prune_channels": 0.5}
    )


def test_the_account_tells_what_there_is_no_choice_of() -> None:
    made = builder(prune_channels={"round_to": 4}, quantize={"bits": [8]})
    knobs = {knob["name"]: knob["choices"] for knob in account_json(made.traced.graph, made.space)["knobs"]}
    assert {name: knobs[name] for name in INTEGERS} == {"quantize/0": [8], "quantize/4": [8]}


def test_a_search_without_a_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nothing to search; give it a second choice \(bits: \[32, 8\], mixed"):
        builder(quantize={"bits": [8]})


def test_what_every_method_leaves_out_is_said_to_be_so() -> None:
    made = builder(prune_channels={"round_to": 4, "exclude": ["0"]}, quantize={"exclude": ["0"]})
    assert {e.name: e.reason for e in made.traced.graph.excluded}["0"] == "excluded by the config"
    assert [knob.name for knob in made.space] == ["quantize/4"]
