"""A run goes on in the space that it was begun in, whatever version began it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parefront.search.runs.identity.recorded_space import GRAPH, refuse_other_space
from parefront.spaces.account import account_json
from parefront.spaces.errors import ConfigError
from parefront.spaces.files import UnreadableFile, write_json
from parefront.spaces.knob import Knob
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.runtime_knob import runtime_knob
from parefront.spaces.space import SearchSpace

BITS, RATIOS = Knob("quantize", "conv", (32, 8), 32), Knob("prune_channels", "conv", (0.0, 0.25), 0.0)


def recorded(folder: Path, *knobs: Knob) -> Path:
    """A run's folder that tells of these knobs."""
    folder.mkdir()
    write_json(folder / GRAPH, account_json(ModelGraph((), (), (), ()), SearchSpace.of(knobs)))
    return folder


def test_the_same_knobs_and_more_of_them_go_on(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", BITS, runtime_knob(("onnxruntime", "openvino")))
    refuse_other_space(run, SearchSpace.of([BITS]))
    refuse_other_space(run, SearchSpace.of([BITS, RATIOS]))
    (tmp_path / "early").mkdir()
    refuse_other_space(tmp_path / "early", SearchSpace.of([BITS]))


def test_other_choices_of_a_knob_are_another_space(tmp_path: Path) -> None:
    """As before ``bits: [8]`` meant that no layer stays in float."""
    run = recorded(tmp_path / "run", BITS, RATIOS)
    for here in (Knob("quantize", "conv", (8,), 32), Knob("quantize", "conv", (32, 8, 4), 32)):
        with pytest.raises(ConfigError, match=r"was searched in another space.* offered \[32, 8\], and offers \["):
            refuse_other_space(run, SearchSpace.of([RATIOS, here]))
    with pytest.raises(ConfigError, match=r"knob prune_channels/conv offered .*, and does not exist here"):
        refuse_other_space(run, SearchSpace.of([BITS]))


@pytest.mark.parametrize("knobs", ["none", [{"name": "quantize/conv"}], [{"choices": [8]}], [8]])
def test_a_damaged_account_is_named(tmp_path: Path, knobs: object) -> None:
    (tmp_path / GRAPH).write_text(json.dumps({"knobs": knobs}))
    with pytest.raises(UnreadableFile, match=r"graph\.json"):
        refuse_other_space(tmp_path, SearchSpace.of([BITS]))
