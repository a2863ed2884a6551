"""What a notebook shows of a front: a table, a DataFrame, a figure; and what it says where a package is missing."""

from __future__ import annotations

import copy
import pickle
import sys
from dataclasses import replace

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import score
from parefront.evaluators.results.views.written import worded
from parefront.spaces.policy import Policy


def candidate(trial: int | None, accuracy: float, latency: float) -> Candidate:
    return Candidate(
        Policy({"drop_blocks/<b>": True} if trial is not None else {}),
        {
            "accuracy": Measurement(accuracy, accuracy - 0.005, accuracy + 0.005, 2000, "fraction"),
            "latency_ratio": Measurement(latency, latency - 0.01, latency + 0.01, 64, "x"),
            "size_bytes": Measurement.exact(311_000, "bytes"),
        },
        trial=trial,
    )


@pytest.fixture
def front() -> Front:
    members = [candidate(1, 0.93, 0.7), candidate(4, 0.91, 0.4)]
    return Front.of(members, ("accuracy", "latency"), candidate(None, 0.935, 1.0))


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (Measurement(0.9312, 0.9262, 0.9362, 2000, "fraction"), "93.1 ± 0.5 %"),
        (Measurement(0.41234, 0.41, 0.4147, 64, "x"), "0.412 ± 0.002x"),
        (Measurement(0.00498, 0.00489, 0.00507, 64, "ms"), "0.00498 ± 0.00009 ms"),
        (Measurement.exact(311_400, "bytes"), "311 KB"),
        (Measurement.exact(40e6, "MACs"), "40.0M"),
        (Measurement(28.31, 28.31, 28.31, 5, "score", noisy=True), "28.31 (noisy)"),
    ],
)
def test_numbers_are_written_with_half_their_interval(measured: Measurement, words: str) -> None:
    assert worded(measured) == words


def test_the_line_and_the_page_name_every_member_and_escape_what_users_wrote(front: Front) -> None:
    assert repr(front) == "<Front of 2 candidates in accuracy, latency: trials 1, 4>"
    page = front._repr_html_()
    assert page.count("<tr") == 4
    assert "93.0 ± 0.5 %" in page
    assert "1 block dropped" in page
    assert "<b>" not in page


def test_a_candidate_has_its_metrics_as_attributes(front: Front) -> None:
    best = front.best
    assert best is front[0]
    assert (best.accuracy, best.size_bytes) == (0.93, 311_000)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="trial 1 has no 'psnr'; measured: accuracy, latency_ratio, size_bytes"):
        _ = best.psnr  # type: ignore[attr-defined]
    assert copy.deepcopy(best) == pickle.loads(pickle.dumps(best)) == best


def test_a_dataframe_has_a_row_a_candidate(front: Front) -> None:
    pytest.importorskip("pandas")
    table = front.to_dataframe()
    assert list(table.index) == ["base", 1, 4]
    assert table.loc[4, "accuracy_low"] == pytest.approx(0.905)
    assert list(table["done"]) == ["unchanged", "1 block dropped", "1 block dropped"]


def test_a_figure_has_the_front_with_its_intervals_and_the_uncompressed_model(front: Front) -> None:
    pytest.importorskip("plotly")
    members, base = front.plot().data
    assert (list(members.x), list(members.y)) == ([0.4, 0.7], [0.91, 0.93])
    assert list(members.error_x.array) == pytest.approx([0.01, 0.01])
    assert (list(base.x), list(base.y)) == ([1.0], [0.935])
    assert "1 block dropped" in members.text[0]


def test_the_line_of_an_error_over_a_cost_claims_nothing_that_no_member_has(front: Front) -> None:
    """Whichever way the quality is better: what the smaller member gives is what there is up to the next one's cost."""
    pytest.importorskip("plotly")
    mse = score("mse", higher_is_better=False)
    members = [replace(c, metrics={**c.metrics, "mse": Measurement.exact(1 - c.accuracy, "score")}) for c in front]
    errors = Front.of(members, ("mse", "latency"), members[0], quality=mse)
    assert errors.plot().data[0].line.shape == front.plot().data[0].line.shape == "hv"


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_dataframe"), ("plotly", "plot")])
def test_a_missing_package_is_named_with_its_command(
    front: Front, monkeypatch: pytest.MonkeyPatch, package: str, method: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for module in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'parefront\[notebook\]'"):
        getattr(front, method)()
