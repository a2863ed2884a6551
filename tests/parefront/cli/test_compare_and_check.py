"""``parefront compare`` and ``parefront check``: tables, Markdown, JSON, and the exit codes that CI goes by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..conftest import Command, FormulaEvaluator


@pytest.fixture
def searched(project: Path, formula: FormulaEvaluator, run: Command) -> Path:
    """The working directory, with two finished runs."""
    assert run("search", "demo/search.yaml").code == 0
    assert run("search", "demo/search.yaml", "--run", "longer", "--trials", "9").code == 0
    return project


def test_runs_are_compared_in_a_table(searched: Path, run: Command) -> None:
    outcome = run("compare", "demo", "longer", "-o", "pages/both.html")

    assert outcome.code == 0, outcome.err
    assert "hypervolume" in outcome.out
    assert "written: pages/both.html" in outcome.out
    assert (searched / "pages" / "both.html").is_file()


@pytest.mark.parametrize("width", [80, 140])
def test_no_number_is_cut_off_where_the_terminal_is_narrow(
    searched: Path, run: Command, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run("compare", "demo", "longer").out.splitlines()
    heading = next(line for line in lines if "hypervolume" in line)
    table = lines[lines.index(heading) : next(i for i, line in enumerate(lines) if line.startswith("demo: "))]

    assert max(map(len, table)) <= width
    assert (heading.count("≤") > 3) == (width == 140)
    assert "\n".join(table).count("(") == "\n".join(table).count(")")
    assert all(" ± " in line for line in table if line.strip().startswith(("demo ", "longer ")))


def test_runs_are_compared_in_markdown_and_json(searched: Path, run: Command) -> None:
    lines = run("compare", "demo", "longer", "--markdown").out.splitlines()
    document = json.loads(run("compare", "demo", "longer", "--json").out)

    assert lines[0].startswith("| run | sampler | trials | time | hypervolume | gain | ≤ ")
    assert lines[3].startswith("| longer | random | 9 |")
    assert [entry["run"] for entry in document["runs"]] == ["demo", "longer"]
    assert document["runs"][0]["gain"] is None
    assert document["runs"][1]["gain"]["unit"] == "share"


def test_one_run_is_a_usage_error(searched: Path, run: Command) -> None:
    assert run("compare", "demo").code == 2
    assert run("compare", "demo", "longer", "--json", "--markdown").code == 2


def test_a_run_within_its_budgets_passes(searched: Path, run: Command) -> None:
    own = run("check", "demo")
    given = run("check", "demo", "--budget", "latency <= 0.7x", "--budget", "accuracy >= -3pt")

    assert own.code == given.code == 0
    assert own.out.startswith("ok: trial ")
    assert "latency <= 0.6x: latency up to 0." in own.out
    assert "accuracy >= -3pt: accuracy -" in given.out


def test_a_run_beyond_a_budget_fails_with_the_nearest(searched: Path, run: Command) -> None:
    outcome = run("check", "demo", "--budget", "latency <= 0.01x", "--json")

    assert outcome.code == 4
    assert outcome.out == ""
    assert "latency <= 0.01x is met by none" in outcome.err


def test_what_passed_is_told_as_json(searched: Path, run: Command) -> None:
    document = json.loads(run("check", "demo", "--json").out)

    assert document["run"] == "demo"
    assert document["metrics"]["latency_ratio"]["high"] <= 0.6
    assert list(document["budgets"]) == ["latency <= 0.6x"]


def test_a_run_without_budgets_needs_one(searched: Path, run: Command) -> None:
    (searched / "demo" / "free.yaml").write_text(
        (searched / "demo" / "search.yaml").read_text().replace('budget: ["latency <= 0.6x"]', "")
    )
    assert run("search", "demo/free.yaml", "--run", "free").code == 0

    outcome = run("check", "free")

    assert outcome.code == 2
    assert 'give one, e.g. --budget "latency <= 0.5x"' in outcome.err
    assert run("check", "free", "--budget", "speed").code == 2


def test_what_the_test_split_contradicts_does_not_pass(searched: Path, run: Command) -> None:
    for file in (searched / "runs" / "demo" / "final").glob("0*.json"):
        document = json.loads(file.read_text())
        tested = document["metrics"]["test_accuracy_change"]
        document["metrics"]["test_accuracy_change"] = {**tested, "value": -0.2, "low": -0.21, "high": -0.19}
        file.write_text(json.dumps(document))

    outcome = run("check", "demo", "--budget", "accuracy >= -3pt")

    assert outcome.code == 4
    assert "-20.00 pt on the test split (needs -3.00 pt)" in outcome.err
