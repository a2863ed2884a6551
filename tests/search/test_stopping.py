"""When a search ends: the limits, what counts against them, and that a run gone on with remembers."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.search.runs.events import Done, Event, Started
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.settings import SearchSettings
from parefront.search.stopping import EndedBy, Stopping, has_ended, spent_in
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy

from ..parefront.conftest import FormulaEvaluator
from .conftest import SearchIn


def measured(number: int | None, accuracy: float, ratio: float, size: float = 1e6) -> Candidate:
    metrics = {
        "accuracy": Measurement.exact(accuracy, "fraction"),
        "latency_ratio": Measurement.exact(ratio, "x"),
        "size_bytes": Measurement.exact(size, "bytes"),
    }
    return Candidate(Policy({} if number is None else {"prune_channels/conv": number}), metrics, trial=number)


def record(candidate: Candidate | None, number: int = 0) -> TrialRecord:
    outcome = Outcome.INFEASIBLE if candidate is None else Outcome.COMPLETE
    policy = Policy({"prune_channels/conv": number}) if candidate is None else candidate.policy
    return TrialRecord(number, policy, outcome, candidate)


BASE = measured(None, 0.9, 1.0)


def after(settings: SearchSettings, *candidates: Candidate | None, spent: float = 0.0) -> Stopping:
    return Stopping(settings, BASE, [record(c, n) for n, c in enumerate(candidates)], spent)


def test_patience_counts_trials_since_the_front_last_grew() -> None:
    settings = SearchSettings(patience=3)
    good, worse, off = measured(1, 0.89, 0.5), measured(2, 0.88, 0.6), measured(3, 0.7, 0.1)

    assert after(settings, good, worse, off).reached() is None
    ending = after(settings, good, worse, off, None).reached()
    assert ending is not None
    assert (ending.by, ending.text) == (EndedBy.PATIENCE, "the front has not grown for 3 trials")
    assert after(settings, good, worse, off, measured(4, 0.88, 0.4)).reached() is None


@pytest.mark.parametrize("objectives", [("accuracy", "latency"), ("accuracy", "latency", "size")])
def test_what_counts_as_growth_is_what_makes_the_hypervolume_grow(objectives: tuple[str, ...]) -> None:
    """Against the hypervolume itself, of random candidates."""
    chance = np.random.default_rng(0)
    settings = SearchSettings.from_config({"objectives": list(objectives), "search": {"patience": 1}})
    candidates: list[Candidate] = []
    for number in range(60):
        point = measured(number, chance.uniform(0.7, 0.91), chance.uniform(0.1, 1.2), chance.uniform(1e5, 1.1e6))
        before, now = (Front.of(found, objectives, BASE).hypervolume() for found in (candidates, [*candidates, point]))
        candidates.append(point)
        assert (after(settings, *candidates).reached() is None) is (now > before)


def test_minutes_are_those_of_all_sessions() -> None:
    settings = SearchSettings(minutes=2.0)

    assert after(settings, spent=119.0).reached() is None
    assert after(settings, spent=119.0).seconds_left == pytest.approx(1.0)
    ending = after(settings, spent=120.0).reached()
    assert ending is not None
    assert (ending.by, ending.text) == (EndedBy.MINUTES, "2 minutes of searching are over")
    running = Stopping(settings, BASE, [], spent=60.0, started=time.perf_counter() - 61.0)
    assert running.reached() is not None


def test_the_number_of_trials_comes_first() -> None:
    settings = SearchSettings(trials=2, minutes=1.0, patience=1)
    stopped = after(settings, None, None, spent=100.0)
    ending = stopped.reached()

    assert ending is not None
    assert ending.by is EndedBy.TRIALS
    assert stopped.message(ending) == "search.trials has ended the search: all 2 trials are done"


def test_a_search_without_other_limits_ends_without_a_word() -> None:
    stopped = after(SearchSettings(trials=1), None)
    ending = stopped.reached()

    assert ending is not None
    assert stopped.message(ending) == ""


def test_a_search_out_of_patience_says_so_and_goes_on_with_more(search_in: SearchIn) -> None:
    events: list[Event] = []
    run, _ = search_in(FormulaEvaluator(), trials=100, patience=5, on_event=events.append)
    done = len(run.trials)

    assert 5 < done < 100
    assert isinstance(events[-1], Done)
    assert events[-1].message == "search.patience has ended the search: the front has not grown for 5 trials"
    assert "search ended by its patience: " in (run.path / "log.txt").read_text()
    evaluator = FormulaEvaluator()
    again, front = search_in(evaluator, trials=100, patience=5)
    assert (evaluator.evaluations, len(front)) == (0, len(run.front)), "it is finished"
    assert has_ended(again)
    longer, _ = search_in(evaluator, trials=100, patience=12)
    assert len(longer.trials) > done


def test_a_search_ends_with_its_minutes_and_resuming_counts_them(
    search_in: SearchIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trial is said to have taken a minute of a clock that only this test turns."""
    now = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def minute(number: int) -> None:
        now[0] += 60.0

    events: list[Event] = []
    run, _ = search_in(FormulaEvaluator(minute), trials=50, minutes=4, on_event=events.append)

    assert len(run.trials) == 4, "the one that was under way is finished"
    assert isinstance(events[-1], Done)
    assert events[-1].message == "search.minutes has ended the search: 4 minutes of searching are over"
    assert json.loads((run.path / "spent.json").read_text()) == {"seconds": 240.0}
    assert spent_in(run) == 240.0
    evaluator = FormulaEvaluator(minute)
    search_in(evaluator, trials=50, minutes=4)
    assert evaluator.evaluations == 0
    longer, _ = search_in(evaluator, trials=50, minutes=6, on_event=events.append)
    assert len(longer.trials) == 6
    assert next(e.seconds_left for e in reversed(events) if isinstance(e, Started)) == 120.0


def test_time_that_a_killed_session_recorded_counts(search_in: SearchIn) -> None:
    """It has no time to write what it has spent; its records tell."""
    run, _ = search_in(FormulaEvaluator(), trials=3)
    file = run.path / "trials" / "000001.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": 500.0}))

    assert not (run.path / "spent.json").exists(), "nobody has asked for minutes"
    assert spent_in(run) > 500.0


def test_the_limits_change_nothing_of_what_is_tried(search_in: SearchIn) -> None:
    limited, _ = search_in(FormulaEvaluator(), name="limited", trials=30, patience=6)
    free, _ = search_in(FormulaEvaluator(), name="free", trials=30)

    policies = [record.policy for record in limited.trials]
    assert policies == [record.policy for record in free.trials][: len(policies)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minutes": 0}, "search.minutes: expected a number above 0, got 0"),
        ({"minutes": "ten"}, "search.minutes: expected a number, got 'ten'"),
        ({"patience": 0}, "search.patience: expected 1 or more, got 0"),
        ({"patience": True}, "search.patience: expected a whole number, got True"),
    ],
)
def test_limits_that_cannot_be_are_refused(tmp_path: Path, given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Run.create("run", {"search": given}, tmp_path)


def test_settings_without_limits_have_none() -> None:
    assert replace(SearchSettings(), trials=5).minutes is None
    assert after(SearchSettings()).seconds_left is None
