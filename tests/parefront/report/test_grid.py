"""Devices by runtimes: each cell is what its own run would select, and names are text."""

from __future__ import annotations

import pytest

from parefront.report.comparison import Comparison
from parefront.report.comparison_page import comparison_page
from parefront.report.comparison_table import markdown
from parefront.report.grid import NONE, Grid
from parefront.search.runs.run import Run

from .conftest import ENVIRONMENT, POLICIES, WriteRun
from .test_page import data_in

ARM = {"cpu": "Cortex-A76", "onnxruntime": "1.32.0", "cores": 4, "flags": ["neon"]}
OPENVINO = {"cpu": "Some CPU", "runtime": "openvino", "runtime_version": "2026.4", "precision": "bf16", "cores": 2}
BUDGET = ["latency <= 0.6x"]


@pytest.fixture
def three(write_run: WriteRun) -> list[Run]:
    """One run on a CPU, one there in OpenVINO, one on another CPU."""
    places = {"here": ENVIRONMENT["device"], "openvino": OPENVINO, "arm": ARM}
    policies = {"here": POLICIES, "openvino": POLICIES[1:], "arm": POLICIES[5:6]}
    return [
        write_run(name, policies[name], BUDGET, environment={**ENVIRONMENT, "device": told})
        for name, told in places.items()
    ]


def test_each_cell_holds_what_its_run_selects_within_the_first_ones_budget(three: list[Run]) -> None:
    grid = Grid.of(three, [run.front for run in three])

    assert grid.devices == ["Some CPU, 1 thread", "Cortex-A76, 1 thread"]
    assert grid.runtimes == ["onnxruntime", "openvino in bf16"]
    assert [cell.run for cell in grid.cells] == ["here", "openvino", "arm"]
    for run, cell in zip(three[:2], grid.cells, strict=False):
        assert cell.best == run.front.select("latency <= 0.6x")
        assert f"({run.name}, trial {cell.best.trial})" in cell.text
    assert (grid.cells[2].best, grid.cells[2].text) == (None, NONE)
    assert grid.rows()[1][1] == ["Cortex-A76, 1 thread", NONE, "–"]
    assert grid.note == "the best within latency <= 0.6x, each on the device itself"


def test_without_a_budget_it_is_the_safe_one(write_run: WriteRun) -> None:
    run = write_run()
    (cell,) = Grid.of([run], [run.front]).cells

    assert cell.best is not None
    assert cell.best.trial == run.to_json()["picks"][0]["trial"]


def test_one_device_in_one_runtime_is_no_grid(write_run: WriteRun) -> None:
    runs = [write_run("one"), write_run("other")]

    assert Grid.of(runs, [run.front for run in runs]).is_one_place
    assert data_in(comparison_page(Comparison.of(runs)))["places"] is None
    assert "device" not in markdown(Comparison.of(runs))


def test_the_page_and_markdown_show_it(three: list[Run]) -> None:
    comparison = Comparison.of(three)

    places = data_in(comparison_page(comparison))["places"]
    assert (places["headings"], places["rows"]) == comparison.grid.rows()
    assert "| device | onnxruntime | openvino in bf16 |" in markdown(comparison)
