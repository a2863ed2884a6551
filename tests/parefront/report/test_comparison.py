"""Several runs side by side: one box for all hypervolumes, the best within a cost, and how sure the gains are."""

from __future__ import annotations

import json

import pytest

from parefront.evaluators.results.fronts.front import Front
from parefront.report.comparison import Comparison
from parefront.report.comparison_page import comparison_page
from parefront.report.comparison_table import comparison_rows, markdown
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError

from .conftest import POLICIES, WriteRun
from .test_page import Tags, data_in


@pytest.fixture
def two(write_run: WriteRun) -> list[Run]:
    """A run of few policies, and one that has tried more."""
    return [write_run("few", POLICIES[1:4]), write_run("many", POLICIES)]


def test_the_hypervolume_is_the_fronts_own_in_the_first_ones_box(two: list[Run]) -> None:
    few, many = Comparison.of(two).runs

    assert few.hypervolume.value == pytest.approx(two[0].front.hypervolume())
    assert many.hypervolume.value == pytest.approx(two[1].front.hypervolume())
    assert few.gain is None
    assert many.gain is not None
    assert many.gain.value == pytest.approx(many.hypervolume.value - few.hypervolume.value)
    assert many.gain.low > 0, "the numbers of the formula are that sure"
    assert few.hypervolume.low < few.hypervolume.value < few.hypervolume.high


def test_runs_of_the_same_front_gain_nothing_beyond_the_noise(write_run: WriteRun) -> None:
    gain = Comparison.of([write_run("one"), write_run("other")]).runs[1].gain

    assert gain is not None
    assert gain.value == pytest.approx(0.0)
    assert gain.low < 0 < gain.high


def test_what_a_run_gives_within_a_limit_is_what_select_gives(two: list[Run]) -> None:
    comparison = Comparison.of(two)

    assert len(comparison.limits) > 2
    for run, compared in zip(two, comparison.runs, strict=True):
        for limit, attained in zip(comparison.limits, compared.attained, strict=True):
            fits = [c for c in run.front if c.metrics["latency_ratio"].high <= limit]
            if attained is None:
                assert not fits
            else:
                assert (
                    attained.candidate is run.front.select(f"latency <= {limit + 1e-12:.12f}x")
                    or attained.candidate in fits
                )
                assert attained.quality == attained.candidate.metrics["test_accuracy"]


def test_gains_within_a_limit_are_differences_of_paired_changes(two: list[Run]) -> None:
    few, many = Comparison.of(two).runs
    pairs = [(a, b) for a, b in zip(few.attained, many.attained, strict=True) if a is not None and b is not None]

    assert pairs
    for mine, its in pairs:
        assert its.gain is not None
        change = its.candidate.metrics["accuracy_change"].value - mine.candidate.metrics["accuracy_change"].value
        assert its.gain.value == pytest.approx(change)
        assert its.gain.half_width == pytest.approx(0.002 * 2**0.5)


def test_an_empty_front_dominates_nothing(write_run: WriteRun) -> None:
    comparison = Comparison.of([write_run("some"), write_run("none", policies=[], finished=False)])

    assert comparison.runs[1].hypervolume.value == 0.0
    assert comparison.runs[1].attained == (None,) * len(comparison.limits)


def test_runs_with_other_objectives_are_refused(two: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    other = two[1].front
    swapped = Front.of(list(other), ["accuracy", "size"], other.baseline)
    monkeypatch.setattr(type(two[1]), "front", property(lambda run: swapped if run is two[1] else other))

    with pytest.raises(ConfigError, match=r"same objectives, got accuracy, latency of few and accuracy, size of many"):
        Comparison.of(two)


def test_one_run_is_no_comparison(two: list[Run]) -> None:
    with pytest.raises(ConfigError, match="expected two or more runs, got 1"):
        Comparison.of(two[:1])


def test_markdown_has_a_row_for_every_run_and_no_markup_of_names(write_run: WriteRun) -> None:
    hostile = "<b>|`x`[a](b)"
    text = markdown(Comparison.of([write_run("plain"), write_run(hostile)]))
    table = [line for line in text.splitlines() if line.startswith("|")]

    assert len(table) == 4
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "<b>" not in text
    assert "&lt;b&gt;\\|\\`x\\`\\[a\\](b)" in text


def test_the_page_holds_the_comparison_and_loads_nothing(two: list[Run]) -> None:
    comparison = Comparison.of(two)
    page = comparison_page(comparison)
    document = data_in(page)

    assert Tags(page).loads == ["data:,"]
    assert document["rows"] == comparison_rows(comparison)[1]
    assert [run["front"] for run in document["runs"]] == json.loads(json.dumps([run.front.to_json() for run in two]))
