"""Node data for Model Explorer, held against the format that its documentation describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from jsonschema import validate
from onnx import TensorProto, helper, numpy_helper

from parefront.report.node_data import write_node_data
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError

from .conftest import PROFILE, WriteRun

COLOUR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
STYLE = {"bgColor": COLOUR, "textColor": COLOUR}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["results"],
    "additionalProperties": False,
    "properties": {
        "results": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["value"],
                "properties": {"value": {"type": "number"}, **STYLE},
                "additionalProperties": False,
            },
        },
        "gradient": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "required": ["stop"],
                "properties": {"stop": {"type": "number", "minimum": 0, "maximum": 1}, **STYLE},
                "additionalProperties": False,
            },
        },
    },
}
"""Of the data of one graph, as the documentation of custom node data gives it; thresholds are not used."""


def three_layers(path: Path) -> None:
    """Nodes of the layers stem, body (in two factors) and head, with a ReLU between."""
    weight = numpy_helper.from_array(np.ones((4, 4, 1, 1), np.float32), "weight")
    names = ("stem", "body.0", "body.1", "head")
    nodes = [helper.make_node("Relu", ["input"], ["input:relu"], "relu")]
    for name in names:
        nodes.append(helper.make_node("Conv", [nodes[-1].output[0], "weight"], [f"{name}:out"], name))
    ends = [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", 4, 8, 8]) for x in ("input", "head:out")]
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(helper.make_graph(nodes, "net", ends[:1], ends[1:], [weight])), path)


@pytest.fixture
def run(write_run: WriteRun) -> Run:
    made = write_run(profile=PROFILE)
    for member in made.front:
        three_layers(made.artifact(member.key))
    return Run.open(made.path)


def read(folder: Path, trial: int, quantity: str) -> dict[str, float]:
    data = json.loads((folder / f"trial_{trial}_{quantity}.json").read_text())
    validate(data, SCHEMA)
    assert [(item["stop"], len(item)) for item in data["gradient"]] == [(0, 2), (1, 2)]
    return {node: result["value"] for node, result in data["results"].items()}


def test_each_member_has_a_file_for_each_quantity_in_the_documented_format(run: Run, tmp_path: Path) -> None:
    written = write_node_data(run, tmp_path / "nodes")

    assert len(written) == 3 * len(run.front)
    for path in written:
        validate(json.loads(path.read_text()), SCHEMA)


def test_nodes_tell_what_the_policy_and_the_profile_say_of_their_layers(run: Run, tmp_path: Path) -> None:
    write_node_data(run, tmp_path)
    member = next(c for c in run.front if any(name.startswith("prune_channels/") for name in c.policy))
    assert member.trial is not None

    assert read(tmp_path, member.trial, "milliseconds") == {"stem": 0.12, "head": 1.5}
    for layer, node in (("stem", "stem"), ("body", "body.0"), ("head", "head")):
        assert read(tmp_path, member.trial, "bits")[node] == float(member.policy.get(f"quantize/{layer}", 32))
    kept = read(tmp_path, member.trial, "width_kept")
    assert kept.keys() == {"stem", "body.0", "head"}, "a layer in factors is told of at its first node"
    assert kept["stem"] == 1 - float(member.policy.get("prune_channels/stem", 0.0))


def test_an_empty_front_is_one_line(write_run: WriteRun, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the front of run demo is empty"):
        write_node_data(write_run(policies=(), finished=False), tmp_path)


def test_a_run_that_tells_of_no_layers_is_one_line(run: Run, tmp_path: Path) -> None:
    (run.path / "graph.json").unlink()
    with pytest.raises(ConfigError, match=r"run demo keeps no layers \(graph\.json\)"):
        write_node_data(run, tmp_path)


def test_a_file_in_the_place_of_the_folder_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nodes").touch()
    with pytest.raises(ConfigError, match="is a file; expected a folder"):
        write_node_data(run, tmp_path / "nodes")
