"""The records of a run's trials: each file is read once, what others write is found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.stores.trial_store import TrialStore
from parefront.spaces.files import UnreadableFile, read_json
from parefront.spaces.policy import Policy

from ...conftest import SearchIn
from ...synthetic import SyntheticEvaluator


@pytest.fixture
def run(search_in: SearchIn) -> Run:
    return search_in(SyntheticEvaluator(blocks=6), trials=8)[0]


def test_records_are_read_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def counting(path: Path) -> dict[str, object]:
        opened.append(path.name)
        return read_json(path)

    monkeypatch.setattr("parefront.evaluators.results.fields.read_json", counting)
    store = TrialStore(run.path)
    records = store.records()
    assert sorted(opened) == [f"{record.number:06d}.json" for record in records]
    assert len(records) == 8
    assert store.counts()[Outcome.COMPLETE] == 8
    assert all(again is before for again, before in zip(store.records(), records, strict=True))
    assert len(opened) == 8


def test_a_search_reads_no_record_that_it_has_written(search_in: SearchIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anything but its own small files more than once, from the first trial to the front's JSON."""
    opened: list[str] = []

    def counting(path: Path) -> dict[str, object]:
        opened.append(f"{path.parent.name}/{path.name}")
        return read_json(path)

    monkeypatch.setattr("parefront.evaluators.results.fields.read_json", counting)
    run, front = search_in(SyntheticEvaluator(blocks=6), trials=12)
    assert len(front)
    assert not [name for name in opened if name.startswith("trials/")]
    search_in(SyntheticEvaluator(blocks=6), trials=14)
    read = [name for name in opened if name.startswith("trials/")]
    assert len(read) == len(set(read)) == 12
    assert run.counts["complete"] == 14


def test_what_another_process_records_is_found(run: Run) -> None:
    looking, writing = TrialStore(run.path), TrialStore(run.path)
    before = looking.records()
    writing.add(TrialRecord(90, Policy(), Outcome.INFEASIBLE, reason="no block is left", seconds=1.5))
    assert looking.records()[:-1] == before
    assert looking.records()[-1].reason == "no block is left"
    assert looking.counts()[Outcome.INFEASIBLE] == 1


def test_a_record_that_was_damaged_since_is_refused(run: Run) -> None:
    store = TrialStore(run.path)
    last = store.files()[-1]
    store.records()
    last.write_text("{")
    with pytest.raises(UnreadableFile, match=last.name):
        store.records()


def test_what_is_kept_of_a_record_equals_what_is_read(run: Run) -> None:
    """But for seconds, which are written with four digits."""
    kept, read = run.trials, Run.open(run.path).trials
    for one, other in zip(kept, read, strict=True):
        assert one.candidate is not None
        assert other.candidate is not None
        assert one.seconds == pytest.approx(other.seconds, abs=1e-4)
        assert one.candidate.timings == pytest.approx(other.candidate.timings, abs=1e-5)
        same = dataclasses.replace(one, seconds=other.seconds, candidate=None)
        assert same == dataclasses.replace(other, candidate=None)
        assert dataclasses.replace(one.candidate, timings=other.candidate.timings) == other.candidate


def test_seconds_are_those_of_the_file_from_the_moment_a_record_is_written(tmp_path: Path) -> None:
    run = Run.create("run", {}, tmp_path)
    writing, reading = TrialStore(run.path), TrialStore(run.path)
    for number in range(5):
        writing.add(TrialRecord(number, Policy({"q/a": number}), Outcome.INFEASIBLE, seconds=0.00004, elapsed=0.00026))
    for seen in ("seconds", "elapsed"):
        told = [[getattr(record, seen) for record in store.records()] for store in (writing, reading)]
        assert told[0] == told[1] == [round(value, 4) for value in told[0]]
