"""``parefront profile``: layers, groups, knobs and exclusions of a traced model."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Command, FormulaEvaluator


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
    assert profile["excluded"] == [{"name": "head", "reason": "its channels are the classes"}]


def test_tables_say_the_same_and_nothing_is_written(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("profile", "demo/search.yaml")

    assert outcome.code == 0
    assert "3 layers, 6.91k parameters, 442k MACs" in outcome.out
    assert "6 knobs, 216 policies" in outcome.out
    assert "its channels are the classes" in outcome.out
    assert not (project / "runs").exists()
    assert formula.closed
