"""``fps`` and ``speedup``: the latency written the other way round, with its interval and its direction."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metrics import measurement_of, metric_of
from parefront.evaluators.results.reciprocals import with_reciprocals
from parefront.search.runs.settings import SearchSettings
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy


def timed(number: int | None, ratio: float, accuracy: float = 0.9, batch: int = 1, device: str = "") -> Candidate:
    """Of a model that takes 10 ms uncompressed; every interval is ±2 %."""
    at = f"@{device}" if device else ""
    metrics = {
        "accuracy": Measurement.exact(accuracy, "fraction"),
        f"latency_ms{at}": Measurement(10 * ratio, 9.8 * ratio, 10.2 * ratio, 64, "ms"),
        f"latency_ratio{at}": Measurement(ratio, 0.98 * ratio, 1.02 * ratio, 64, "x"),
    }
    if batch > 1:
        metrics[f"batch{at}"] = Measurement.exact(batch, "inputs")
    return Candidate(Policy({} if number is None else {"prune_channels/conv": number}), metrics, trial=number)


BASE = timed(None, 1.0)


def test_they_are_reciprocals_and_so_are_their_bounds() -> None:
    half = timed(1, 0.5)
    fps, speedup = measurement_of(half, "fps"), measurement_of(half, "speedup")

    assert (fps.unit, fps.n) == ("1/s", 64)
    assert (fps.value, fps.low, fps.high) == pytest.approx((200.0, 1000 / 5.1, 1000 / 4.9))
    assert (speedup.value, speedup.low, speedup.high) == pytest.approx((2.0, 1 / 0.51, 1 / 0.49))
    assert (half.fps, half.speedup) == pytest.approx((200.0, 2.0))  # type: ignore[attr-defined]
    assert measurement_of(timed(1, 0.5, batch=8), "fps").value == pytest.approx(1600.0)
    assert measurement_of(timed(1, 0.5, device="pi"), "fps@pi").value == pytest.approx(200.0)


def test_higher_is_better() -> None:
    assert metric_of("fps").higher_is_better
    assert metric_of("speedup@pi").higher_is_better
    with pytest.raises(ConfigError, match="fps is better when higher; write fps >= …"):
        Budget.parse("fps <= 30")


@pytest.mark.parametrize(
    ("written", "latency"),
    [
        ("speedup >= 2x", "latency <= 0.5x"),
        ("speedup >= 2", "latency <= 0.5x"),
        ("speedup >= 125%", "latency <= 0.8x"),
        ("fps >= 160", "latency <= 6.25ms"),
        ("fps >= 1.6x", "latency <= 0.625x"),
    ],
)
@pytest.mark.parametrize("ratio", [0.4, 0.495, 0.5, 0.61, 0.625, 0.79, 0.9])
def test_a_budget_is_that_on_the_latency(written: str, latency: str, ratio: float) -> None:
    one, other = Budget.parse(written), Budget.parse(latency)
    candidate = timed(1, ratio)

    assert one.met(candidate, BASE) is other.met(candidate, BASE)
    assert one.violation(candidate, BASE) == pytest.approx(other.violation(candidate, BASE))
    assert one.share_of(BASE) == pytest.approx(other.share_of(BASE))
    assert one.metric == other.metric


def test_a_rate_is_of_inputs_whatever_the_batch() -> None:
    budget, base = Budget.parse("fps >= 1500"), timed(None, 1.0, batch=8)

    assert budget.met(timed(1, 0.5, batch=8), base)
    assert not budget.met(timed(1, 0.6, batch=8), base)
    assert budget.share_of(base) == pytest.approx(800 / 1500)


def test_what_is_missed_is_told_as_it_was_written() -> None:
    candidate = timed(1, 0.625)

    assert Budget.parse("speedup >= 2x").describe(candidate, BASE) == "speedup down to 1.569x (needs 2x)"
    assert Budget.parse("fps >= 200").describe(candidate, BASE) == "fps down to 156.9 (needs 200)"
    assert str(Budget.parse("fps@pi >= 30")) == "fps@pi >= 30"


@pytest.mark.parametrize("text", ["fps >= 0", "fps >= 30ms", "speedup >= 2ms", "speedup >= -1x"])
def test_what_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a number above zero, as in (fps >= 30|speedup >= 2x)"):
        Budget.parse(text)


@pytest.mark.parametrize("name", ["fps", "speedup"])
def test_as_an_objective_each_gives_the_front_of_the_latency(name: str) -> None:
    candidates = [timed(n, ratio, acc) for n, (ratio, acc) in enumerate([(0.5, 0.9), (0.4, 0.88), (0.6, 0.89)])]
    front, known = (Front.of(candidates, ("accuracy", metric), BASE) for metric in (name, "latency"))

    assert front.candidates == known.candidates == (candidates[0], candidates[1])
    assert front.hypervolume() == known.hypervolume()
    assert front.select(by=name) is candidates[1]
    assert [metric.name for metric in front.shown] == [name]


def test_a_search_for_two_writings_of_one_objective_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got \['fps', 'latency'\]; fps: the latency, written the other way"):
        SearchSettings.from_config({"objectives": ["fps", "latency"]})
    settings = SearchSettings.from_config({"objectives": ["accuracy", "fps"], "budget": ["speedup >= 2x"]})
    assert [metric.name for metric in settings.searched] == ["accuracy", "latency"]


def test_json_and_csv_have_both(tmp_path: Path) -> None:
    front = Front.of([timed(1, 0.5)], ("accuracy", "fps"), BASE)
    front.to_csv(tmp_path / "front.csv")

    document = json.loads(json.dumps(front.to_json()))
    rows = list(csv.DictReader((tmp_path / "front.csv").open()))

    assert document["candidates"][0]["metrics"]["fps"]["value"] == pytest.approx(200.0)
    assert document["baseline"]["speedup"]["value"] == 1.0
    member = next(row for row in rows if row["trial"] == "1")
    assert float(member["speedup_low"]) == pytest.approx(1 / 0.51)


def test_a_candidate_without_latency_has_none() -> None:
    bare = Candidate(Policy(), {"size_bytes": Measurement.exact(1, "bytes")})

    assert with_reciprocals(bare.metrics) == bare.metrics
    with pytest.raises(ConfigError, match="'fps' was not measured for the uncompressed model; measured: size_bytes"):
        measurement_of(bare, "fps")
