"""Files of a run are not trusted: no link is followed, nothing outside read, what is damaged named or rebuilt."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.search.runs.events import Event, Finalising
from parefront.search.runs.run import Run
from parefront.search.runs.studies import study_file
from parefront.spaces.errors import ConfigError, ParefrontError
from parefront.spaces.files import UnreadableFile, sha256_of
from parefront.spaces.policy import Policy

from .conftest import SearchIn
from .synthetic import SyntheticEvaluator


def edited(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("artifact", ["../../secret", "/etc/passwd", "artifacts/../../secret"])
def test_an_artefact_outside_of_the_run_is_refused(search_in: SearchIn, tmp_path: Path, artifact: str) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2), trials=4)
    (tmp_path / "secret").write_text("secret")
    edited(run.path / "trials" / "000000.json", artifact=artifact)
    with pytest.raises(
        UnreadableFile, match=r"000000\.json: key 'artifact': expected a path inside of the run's folder"
    ):
        _ = run.trials


def test_an_artefact_that_is_a_link_or_has_no_digest_is_not_exported(search_in: SearchIn, tmp_path: Path) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    (tmp_path / "secret").write_text("secret")
    artifact = front[0].artifact
    assert artifact is not None
    artifact.unlink()
    artifact.symlink_to(tmp_path / "secret")
    with pytest.raises(ParefrontError, match="expected a regular file, got a symbolic link"):
        front[0].export(tmp_path / "out.onnx")
    edited(run.path / "final" / f"{front[0].trial:06d}.json", sha256="")
    with pytest.raises(UnreadableFile, match="key 'sha256': expected that of the artefact"):
        _ = run.front
    assert not (tmp_path / "out.onnx").exists()


def test_an_export_writes_over_a_policy_and_over_no_other_file(search_in: SearchIn, tmp_path: Path) -> None:
    _, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    front[0].export(tmp_path / "small.onnx")
    front[1].export(tmp_path / "small.onnx")
    assert Policy.from_yaml((tmp_path / "small.yaml").read_text()) == front[1].policy
    config = tmp_path / "search.yaml"
    config.write_text("task: task.py:task\n")
    with pytest.raises(ConfigError, match=r"search\.yaml, which is another file already; export under another name"):
        front[0].export(tmp_path / "search.onnx")
    assert config.read_text() == "task: task.py:task\n"
    assert not (tmp_path / "search.onnx").exists()


@pytest.mark.parametrize("name", [".lock", "log.txt", "trials"])
def test_no_link_is_followed_out_of_the_run(search_in: SearchIn, tmp_path: Path, name: str) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2), trials=4)
    outside = tmp_path / "outside"
    if name == "trials":
        (run.path / name).rename(outside)
    else:
        outside.write_text("mine")
        (run.path / name).unlink()
    (run.path / name).symlink_to(outside)
    with pytest.raises(UnreadableFile, match="got a symbolic link"):
        search_in(SyntheticEvaluator(blocks=2), trials=6)
    assert outside.is_dir() or outside.read_text() == "mine"


def test_a_policy_that_is_not_the_one_of_its_digest_is_named(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2), trials=4)
    edited(run.path / "trials" / "000001.json", policy={"quantize": {"block0.conv1": 4}})
    with pytest.raises(UnreadableFile, match=r"000001\.json: key 'digest': it is not the digest of the policy"):
        _ = run.trials


def test_another_model_over_a_members_artefact_is_rebuilt_before_the_final_step(
    search_in: SearchIn, tmp_path: Path
) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Finalising):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_in(SyntheticEvaluator(blocks=3), trials=10, on_event=interrupt)
    member = Run.open("run", root=tmp_path).front[0]
    assert member.artifact is not None
    member.artifact.write_bytes(b"another model")

    run, front = search_in(SyntheticEvaluator(blocks=3), trials=10)
    assert "is another file" in (run.path / "log.txt").read_text()
    for member in front:
        assert member.artifact is not None
        assert sha256_of(member.artifact) == member.sha256


def test_a_member_that_cannot_be_rebuilt_as_it_was_is_measured_anew(search_in: SearchIn, tmp_path: Path) -> None:
    class OtherBytes(SyntheticEvaluator):
        def _measure(self, policy: Policy, artifact: Path, noise: float) -> Candidate:
            made = super()._measure(policy, artifact, noise)
            if not policy:
                return made
            artifact.write_bytes(b"of another version" + artifact.read_bytes())
            return replace(made, sha256=sha256_of(artifact))

    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=10)
    member = run.front[0]
    assert member.artifact is not None
    member.artifact.unlink()

    run, _ = search_in(OtherBytes(blocks=3), trials=11)
    assert "has other bytes than the file that was measured" in (run.path / "log.txt").read_text()
    again = next(c for c in run.front if c.trial == member.trial)
    assert again.sha256 == sha256_of(member.artifact) != member.sha256


def test_what_a_killed_process_left_half_written_is_cleared(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2), trials=4)
    leftover = run.path / "artifacts" / ".abc.onnx.123.tmp"
    leftover.write_text("half")
    with run.lock():
        assert not leftover.exists()


def _truncated(path: Path) -> None:
    os.truncate(path, 5000)


def _junk(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE trial_user_attributes SET value_json = '\"0\"' WHERE key = 'digest'")


def _programmed(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TRIGGER lose AFTER INSERT ON trials BEGIN DELETE FROM trials; END")


@pytest.mark.parametrize("damage", [_truncated, _junk, _folder, _foreign, _programmed])
def test_a_study_that_cannot_be_used_is_set_aside_and_made_anew(search_in: SearchIn, damage: object) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=8)
    damage(run.path / "study.db")  # type: ignore[operator]
    notes: list[Event] = []
    again = SyntheticEvaluator(blocks=3)
    run, _ = search_in(again, trials=10, on_event=notes.append)

    assert any("study.db cannot be used" in getattr(note, "message", "") for note in notes)
    assert (run.path / "study.db.broken-1").exists()
    assert len(run.trials) == 10
    assert len(set(again.evaluated)) == 2, "what has a record is not evaluated again"


def test_a_study_that_another_process_keeps_locked_is_set_aside(
    search_in: SearchIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_file, "LOCKED_SECONDS", 0.05)
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=4)
    other = sqlite3.connect(run.path / "study.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=6)
    other.close()
    assert len(run.trials) == 6
    assert (run.path / "study.db.broken-1").exists()


@pytest.mark.parametrize("name", ["what?", "50%", "a#b", "a b", "{x}"])
def test_a_run_may_have_any_name_that_a_folder_may_have(search_in: SearchIn, name: str) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2), name=name, trials=3)
    assert (run.path / "study.db").is_file()


def test_a_finished_run_stays_so_until_there_is_more_of_it(search_in: SearchIn, tmp_path: Path) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=4)

    class Gone(SyntheticEvaluator):
        def evaluate(self, *arguments: object, **more: object) -> object:  # type: ignore[override]
            raise ParefrontError("the device is gone")

    with pytest.raises(ParefrontError, match="is gone"):
        search_in(Gone(blocks=3), trials=6)
    assert run.finished
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=6)
    assert len(run.trials) == 6
