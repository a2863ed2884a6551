"""Members of a real front are trained, measured and taken where they are better; killed or not, with one result."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.controller import search
from parefront.search.interruption import Interruption
from parefront.search.recovery import recover as module
from parefront.search.recovery.pace import Pace
from parefront.search.runs.events import Event, Recovered, Recovering
from parefront.search.runs.run import Run
from parefront.search.runs.stores.recovered_store import RecoveredStore
from parefront.search.stopping import has_ended
from parefront.spaces.errors import ParefrontError

from .recovering import ASKED, STEPS, made, run_and_kill, scored, session, task


@pytest.fixture(scope="module")
def recovered(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Event]]:
    """The same, trained without a break."""
    there, events = tmp_path_factory.mktemp("whole") / "run", list[Event]()
    shutil.copytree(searched, there)
    return session(there, ASKED, events), events


def size_of(candidate: Candidate) -> float:
    return candidate.metrics["size_bytes"].value


def smallest(run: Run) -> str:
    """A constraint that one member meets, which has something to gain."""
    return f"size <= {min(size_of(c) for c in run.front if c.accuracy < 0.98) / 1000}KB"


def test_what_was_trained_is_better_and_takes_the_place_of_what_was_not(recovered: tuple[Run, list[Event]]) -> None:
    run, events = recovered
    untrained = {record.number: record.candidate for record in run.trials if record.candidate is not None}
    trained = [candidate for candidate in run.front if candidate.recovered is not None]
    assert trained
    for candidate in trained:
        assert candidate.trial is not None
        assert candidate.accuracy > untrained[candidate.trial].accuracy
        assert candidate.artifact is not None
        assert candidate.accuracy == pytest.approx(scored(candidate.artifact))
        assert size_of(candidate) == pytest.approx(size_of(untrained[candidate.trial]), rel=0.02)
        assert candidate.policy == untrained[candidate.trial].policy
        assert "test_accuracy" in candidate.metrics
    told = [event for event in events if isinstance(event, Recovered)]
    assert {event.before.trial for event in told if event.after is not None} >= {c.trial for c in trained}
    assert any(isinstance(event, Recovering) and event.total == STEPS for event in events)
    assert has_ended(run)
    assert run.search_seconds < run.seconds


def test_it_is_told_what_the_repair_takes_that_training_begins_from(recovered: tuple[Run, list[Event]]) -> None:
    run, events = recovered
    told = [line for line in (run.path / "log.txt").read_text().splitlines() if "repaired by batch_norm in" in line]
    assert len(told) == sum(isinstance(event, Recovered) for event in events)


def test_without_steps_members_are_repaired_once_and_no_more(path: Path) -> None:
    events: list[Event] = []
    for _ in range(2):
        session(path, ASKED | {"steps": 0}, events)
    rounds = [one for trained in RecoveredStore(path).all() for one in trained.rounds]
    assert [one.steps for one in rounds] == [0] * len(rounds)
    assert sum(isinstance(event, Recovered) for event in events) == len(rounds) > 0
    assert not any(isinstance(event, Recovering) for event in events)


def test_the_untrained_candidate_stays_on_record(recovered: tuple[Run, list[Event]], searched: Path) -> None:
    for file in (recovered[0].path / "trials").iterdir():
        assert file.read_bytes() == (searched / "trials" / file.name).read_bytes()


def test_the_same_command_again_trains_nothing(recovered: tuple[Run, list[Event]]) -> None:
    events: list[Event] = []
    front = session(recovered[0].path, ASKED, events).front
    assert not [event for event in events if isinstance(event, Recovering | Recovered)]
    assert [c.sha256 for c in front] == [c.sha256 for c in recovered[0].front]


def test_a_lost_artefact_is_made_again_from_the_weights(recovered: tuple[Run, list[Event]], tmp_path: Path) -> None:
    shutil.copytree(recovered[0].path, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    lost = next(candidate for candidate in run.front if candidate.recovered is not None)
    assert lost.artifact is not None
    lost.artifact.unlink()
    again = session(run.path, ASKED, trials=7)
    found = again.artifact(lost.key)
    assert not found.is_file() or found.read_bytes() == (recovered[0].artifact(lost.key)).read_bytes()


def test_killed_three_times_it_ends_with_the_same_files(recovered: tuple[Run, list[Event]], path: Path) -> None:
    for after in (7, 20, 2):
        assert run_and_kill(path, after) == -signal.SIGKILL
    run = session(path, ASKED)
    whole = RecoveredStore(recovered[0].path)
    weights = {file.name: file.read_bytes() for file in whole.folder.glob("*.safetensors")}
    assert {file.name: file.read_bytes() for file in RecoveredStore(path).folder.glob("*.safetensors")} == weights
    assert {c.trial: c.sha256 for c in run.front} == {c.trial: c.sha256 for c in recovered[0].front}


def test_killed_while_it_trains_integers_it_ends_with_the_same_files(searched: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"quantised": True, "steps": 8, "where": [smallest(Run.open(searched))]}
    paths = [tmp_path / name for name in ("whole", "broken")]
    for there in paths:
        shutil.copytree(searched, there)
    assert run_and_kill(paths[1], 5, **asked) == -signal.SIGKILL
    assert len(list(RecoveredStore(paths[1]).folder.glob("*.training.safetensors"))) == 1
    whole, broken = (session(there, ASKED | asked) for there in paths)
    held = [{f.name: f.read_bytes() for f in RecoveredStore(p).folder.glob("*.safetensors")} for p in paths]
    assert held[0]
    assert held[0] == held[1]
    assert any(b"finished." in data[:2000] for data in held[0].values())
    assert {c.trial: c.sha256 for c in broken.front} == {c.trial: c.sha256 for c in whole.front}


def test_an_interruption_keeps_the_state_of_the_training_under_way(path: Path) -> None:
    interruption = Interruption()
    run = Run.resume_or_create(path, {**Run.open(path).config, "recover": ASKED})

    def on_event(event: Event) -> None:
        interruption.requested = isinstance(event, Recovering)

    with pytest.raises(KeyboardInterrupt):
        search(
            run, made(), on_event, interruption=interruption,
            trainer=Trainer(made().builder, run.recover.recipe(few=False), task().train),
        )  # fmt: skip
    folder = RecoveredStore(path).folder
    assert len(list(folder.glob("*.training.safetensors"))) == 1
    under_way = [json.loads(file.read_text())["rounds"][-1]["gain"] for file in folder.glob("*-*.json")]
    assert under_way == [None]


def test_what_is_not_better_is_dropped(path: Path) -> None:
    run = session(path, ASKED | {"rate": 1e-9, "steps": 1})
    assert not [candidate for candidate in run.front if candidate.recovered is not None]
    assert not list(RecoveredStore(path).folder.glob("*.safetensors"))
    assert all(trained.ended and not trained.ended[0].taken for trained in RecoveredStore(path).all())


def test_whatever_is_trained_for_sparsity_is_taken_of_all_members(path: Path) -> None:
    run = session(path, ASKED | {"rate": 1e-9, "steps": 1, "penalties": {"slimming": 0.01}})
    rounds = [one for trained in RecoveredStore(path).all() for one in trained.rounds]
    assert [(one.taken, one.steps) for one in rounds] == [(True, 1)] * len(run.front)
    assert all(candidate.recovered is not None for candidate in run.front)


def test_only_members_within_the_constraints_are_trained(path: Path) -> None:
    session(path, ASKED | {"steps": 2, "where": [smallest(Run.open(path))]})
    assert len(RecoveredStore(path).all()) == 1


def test_minutes_are_kept_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for least in ("LEAST_STEPS", "LEAST_OVERHEADS"):  # so that there are rounds on a machine as slow as may be
        monkeypatch.setattr(module, least, 0)
    session(path, {key: ASKED[key] for key in ("when", "threads", "precision", "batch")} | {"minutes": 0.1})
    store = RecoveredStore(path)
    rounds = [one.seconds for trained in store.all() for one in trained.ended]
    assert 3 < store.seconds < 6 + 2 * max(rounds)
    assert has_ended(Run.resume_or_create(path, {**Run.open(path).config, "recover": {}}))


def test_what_passes_between_rounds_counts_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Pace.chosen

    def slowly(pace: Pace, member: Candidate) -> tuple[str, int]:
        time.sleep(0.2)
        return chosen(pace, member)

    monkeypatch.setattr(Pace, "chosen", slowly)
    monkeypatch.setattr(module, "LEAST_OVERHEADS", 0)
    began = time.perf_counter()
    session(path, {key: ASKED[key] for key in ("when", "threads", "precision", "batch")} | {"minutes": 0.05})
    took, store = time.perf_counter() - began, RecoveredStore(path)
    assert store.between > 0.2
    assert store.seconds == pytest.approx(sum(one.seconds for one in store.all()) + store.between)
    assert store.seconds < took


def test_minutes_are_kept_to_where_steps_take_longer_than_planned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for least in ("LEAST_STEPS", "LEAST_OVERHEADS"):
        monkeypatch.setattr(module, least, 0)
    monkeypatch.setattr(Pace, "steps", lambda *_: 100_000)
    asked = {key: ASKED[key] for key in ("when", "threads", "precision", "batch")}
    session(path, asked | {"minutes": 0.03, "where": [smallest(Run.open(path))]})
    (trained,) = RecoveredStore(path).all()
    assert 0 < trained.ended[0].steps < 100_000
    assert (path / "log.txt").read_text().count("as they take longer than they did") >= 1


def test_damaged_weights_are_named(recovered: tuple[Run, list[Event]], tmp_path: Path) -> None:
    shutil.copytree(recovered[0].path, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    trained = next(candidate for candidate in run.front if candidate.recovered is not None)
    assert trained.weights is not None
    trained.weights.write_bytes(b"nothing")
    for file in (run.path / "artifacts").glob("*-*-*.onnx"):
        file.unlink()
    for file in (run.path / "final").glob("*.json"):
        file.unlink()
    with pytest.raises(ParefrontError, match="safetensors"):
        session(run.path, ASKED, trials=7)
