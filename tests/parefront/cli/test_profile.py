"""``parefront profile``: layers, groups, knobs and exclusions of a traced model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parefront.cli import main as cli
from parefront.spaces.account import account_json
from parefront.spaces.knob import Knob
from parefront.spaces.network.graph import Exclusion, Layer, ModelGraph
from parefront.spaces.space import SearchSpace

from ...forked import forked
from ..conftest import Command, FormulaEvaluator


def test_json_lists_layers_groups_knobs_and_exclusions(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("profile", "demo/search.yaml", "--json")
    profile = json.loads(outcome.out)

    assert outcome.code == 0
    assert profile["params"] == 3 * 2304
    assert [layer["name"] for layer in profile["layers"]] == ["stem", "body", "head"]
    assert profile["layers"][0]["kernel"] == [3, 3]
    assert profile["groups"] == [{"name": "stem", "channels": 16, "unit": 1, "writers": [], "readers": []}]
    assert len(profile["knobs"]) == 6
    assert profile["knobs"][0]["name"] == "quantize/stem"
    assert profile["knobs"][0]["neutral"] == 32
    assert profile["excluded"] == [{"name": "head", "reason": "its channels are the classes", "model_params": 0}]


def test_tables_say_the_same_and_nothing_is_written(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("profile", "demo/search.yaml")

    assert outcome.code == 0
    assert "3 layers, 6.91k parameters, 442k MACs" in outcome.out
    assert "6 knobs, 216 policies" in outcome.out
    assert "its channels are the classes" in outcome.out
    assert not (project / "runs").exists()
    assert formula.closed


def test_the_parameters_of_what_is_offered_and_of_what_is_listed_add_up_to_the_model_s() -> None:
    """A layer of eight channels has no narrower width; the embedding is no layer at all."""
    layers = (
        Layer("wide", "conv", (3, 8, 8), (32, 8, 8), 896, 0, 1, (3, 3), (1, 1), 0, 900),
        Layer("narrow", "conv", (32, 8, 8), (8, 8, 8), 2312, 0, 1, (3, 3), (1, 1), 1, 2320),
    )
    graph = ModelGraph(layers, (), excluded=(Exclusion("table", "it is looked up", 500),))
    space = SearchSpace.of([Knob("prune_channels", "wide", (0.0, 0.5), 0.0, frozenset({"wide"}), 0)])
    profile = account_json(graph, space)
    assert profile["model_params"] == {"total": 3720, "offered": 900, "listed": 2820}
    assert profile["excluded"] == [
        {"name": "table", "reason": "it is looked up", "model_params": 500},
        {
            "name": "narrow",
            "reason": "none of the methods chosen has more than one choice for it (prune_channels)",
            "model_params": 2320,
        },
    ]


def test_what_is_excluded_for_two_reasons_is_listed_once_with_both() -> None:
    layer = Layer("head", "conv", (3, 8, 8), (32, 8, 8), 896, 0, 1, (3, 3), (1, 1), 0, 900)
    reasons = ("its channels are the model's outputs", "excluded by the config")
    graph = ModelGraph((layer,), (), excluded=tuple(Exclusion("head", reason) for reason in reasons))
    assert account_json(graph, SearchSpace.of([]))["excluded"] == [
        {"name": "head", "reason": "; ".join(reasons), "model_params": 900}
    ]


NOISE = """
import os
print("reading the images")
os.write(1, b"from a library\\n")
os.system("echo from another program")

class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return 16
    def __getitem__(self, index):
        print("reading", index)
        return data()[index]
"""


def test_what_the_task_prints_stays_out_of_the_json(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, whose stdout is a file as others have it."""
    task = project / "demo" / "task.py"
    task.write_text(task.read_text().replace("search=data()", "search=Noisy()") + NOISE)
    monkeypatch.chdir(project)
    printed, told = project / "stdout", project / "stderr"
    code = forked(cli.main, ["profile", "demo/search.yaml", "--json"], output=printed, errors=told)

    assert code == 0, told.read_text()
    assert json.loads(printed.read_text())["layers"]
    said = set(told.read_text().splitlines())
    assert {"reading the images", "from a library", "from another program", "reading 3"} <= said
