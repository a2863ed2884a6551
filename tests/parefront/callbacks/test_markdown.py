"""The summary for a pull request: tables that Markdown reads, with the numbers of the front."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.callbacks.markdown import MarkdownSummary, summary
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.runs.run import Run

from ..conftest import FormulaEvaluator


def run_with(folder: Path, budget: str, trials: int = 20) -> tuple[Run, Front]:
    config = {"budget": [budget], "objectives": ["accuracy", "fps"], "search": {"sampler": "random", "trials": trials}}
    run = Run.create("net|1", config, folder)
    return run, search(run, FormulaEvaluator())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Front]:
    return run_with(tmp_path_factory.mktemp("markdown"), "speedup >= 1.5x")


def rows(text: str) -> list[list[str]]:
    lines = [line.replace("\\|", "¦") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_the_best_stands_beside_the_uncompressed_model(finished: tuple[Run, Front]) -> None:
    run, front = finished
    text, best = summary(run, front), front.select()

    assert text.startswith("### Parefront: net\\|1\n")
    assert f"**Trial {best.trial}** is the best within `speedup >= 1.5x`." in text
    header, _, first, second = rows(text)[:4]
    assert [first[0], second[0]] == ["best", "uncompressed"]
    assert {"accuracy", "accuracy on test", "fps", "speedup", "latency", "size"} <= set(header)
    at = header.index("speedup")
    assert float(first[at].split(" ")[0]) == pytest.approx(1 / best.metrics["latency_ratio"].value, abs=0.001)


def test_every_row_has_every_column(finished: tuple[Run, Front]) -> None:
    table = rows(summary(*finished))

    assert len({len(row) for row in table}) == 1
    assert len(table) == 4 + 2 + len(finished[1])
    assert "<details>" in summary(*finished)


def test_a_budget_that_nobody_meets_is_said(tmp_path: Path) -> None:
    run, front = run_with(tmp_path, "size <= 1KB", trials=5)

    assert "**No candidate meets `size <= 1KB`.**" in summary(run, front)


def test_it_is_written_where_it_is_wanted(finished: tuple[Run, Front], tmp_path: Path) -> None:
    run, front = finished
    MarkdownSummary(tmp_path / "pr.md").on_end(run, front)
    MarkdownSummary().on_end(run, front)

    assert (tmp_path / "pr.md").read_text() == (run.path / "summary.md").read_text() == summary(run, front)
