"""``parefront report``, and the page that a search ends with."""

from __future__ import annotations

from pathlib import Path

from parefront.search.runs.run import Run

from ..conftest import Command, FormulaEvaluator


def test_a_search_ends_with_a_page_and_says_so(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("search", "demo/search.yaml")

    assert outcome.code == 0, outcome.err
    assert "to look at: runs/demo/report.html" in outcome.out
    assert (project / "runs" / "demo" / "report.html").is_file()


def test_a_search_serves_its_page_where_that_is_wanted(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("search", "demo/search.yaml", "--watch")

    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("watch: http://127.0.0.1:")


def test_a_page_is_served_or_written(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("report", "demo", "--watch", "-o", "page.html")

    assert outcome.code == 2
    assert "--watch writes no file" in outcome.err
    assert run("report", "demo", "--watch", "--beside", "small.onnx").code == 2


def test_a_page_that_cannot_be_written_is_no_failed_search(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    run("search", "demo/search.yaml")
    (project / "runs" / "demo" / "report.html").unlink()
    (project / "runs" / "demo" / "report.html").mkdir()

    outcome = run("search", "demo/search.yaml")

    assert outcome.code == 0
    assert outcome.err.startswith("the page was not written: ")
    assert "to look at" not in outcome.out


def test_the_page_is_written_where_it_is_wanted(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run("search", "demo/search.yaml")

    outcome = run("report", "demo", "-o", "pages/one.html")

    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("written: pages/one.html (")
    assert "<title>demo – Parefront</title>" in (project / "pages" / "one.html").read_text()


def test_a_figure_is_written_beside_the_page(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run("search", "demo/search.yaml")

    outcome = run("report", "demo", "--figure", "paper/front.svg")

    assert outcome.code == 0, outcome.err
    assert "written: paper/front.svg" in outcome.out
    assert run("report", "demo", "--figure", "front.jpg").code == 2


def test_node_data_need_files_that_are_models_and_no_page_that_is_served(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    run("search", "demo/search.yaml")

    outcome = run("report", "demo", "--model-explorer", "nodes")

    assert outcome.code == 2
    assert "is not an ONNX model" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert run("report", "demo", "--watch", "--model-explorer", "nodes").code == 2


def test_a_run_that_is_not_there_is_named(project: Path, run: Command) -> None:
    outcome = run("report", "nowhere")

    assert outcome.code == 2
    assert outcome.err.startswith("error: no run 'nowhere'")


def test_a_run_that_has_measured_nothing_says_so(project: Path, run: Command) -> None:
    Run.create("empty", {"task": "task.py:task"}, project / "runs")

    outcome = run("report", "empty")

    assert outcome.code == 2
    assert "has measured nothing yet" in outcome.err
