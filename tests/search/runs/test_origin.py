"""Where a candidate comes from: told by its run, once it is exported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.storage.provenance import facts_of
from parefront.search.runs.of_trial import candidate_of_trial
from parefront.search.runs.run import Run

from ..conftest import SearchIn
from ..synthetic import SyntheticEvaluator


def told(candidate: Candidate, folder: Path) -> dict[str, str]:
    """What the exported file says behind the bytes of the artefact."""
    assert candidate.artifact is not None
    content, before = candidate.export(folder / "out.onnx").read_bytes(), candidate.artifact.read_bytes()
    assert content.startswith(before)
    return facts_of(content[len(before) :])


def searched(search_in: SearchIn) -> tuple[Run, Front]:
    return search_in(SyntheticEvaluator(blocks=2), trials=4)


def test_members_of_the_front_tell_run_trial_policy_and_measurements(search_in: SearchIn, tmp_path: Path) -> None:
    run, _ = searched(search_in)
    member = run.front[0]
    facts = told(member, tmp_path)
    assert (facts["run"], facts["trial"], facts["policy"]) == (run.name, str(member.trial), member.policy.digest)
    assert facts["artifact"] == member.sha256
    for key in ("accuracy", "latency_ratio"):
        measured = json.loads(facts[f"metric.{key}"])
        assert measured == member.metrics[key].to_json()
        assert measured["low"] <= measured["value"] <= measured["high"]
    assert json.loads(facts["devices"])[""].keys() >= {"cpu", "runtime", "threads", "batch"}


def test_trials_that_are_not_on_the_front_tell_it_too(search_in: SearchIn, tmp_path: Path) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=12)
    members = {candidate.trial for candidate in front}
    other = next(r.number for r in run.trials if r.number not in members and r.candidate and r.candidate.artifact)
    assert told(candidate_of_trial(run, other), tmp_path)["trial"] == str(other)


def test_equal_exports_are_equal_bytes(search_in: SearchIn, tmp_path: Path) -> None:
    run, _ = searched(search_in)
    first, second = (run.front[0].export(tmp_path / name).read_bytes() for name in ("a.onnx", "b.onnx"))
    assert first == second


def test_addresses_of_devices_stay_at_home(search_in: SearchIn, tmp_path: Path) -> None:
    run, _ = searched(search_in)
    config = run.path / "config.yaml"
    config.write_text(config.read_text() + "device: {command: [ssh, me@secret.example], threads: 1}\n")
    facts = told(Run.open(run.path).front[0], tmp_path)
    assert "secret.example" not in json.dumps(facts)


def test_origin_is_no_part_of_what_a_candidate_is(search_in: SearchIn) -> None:
    run, _ = searched(search_in)
    member = run.front[0]
    assert member.origin is not None
    assert member == replace(member, origin=None)
    assert "origin=" not in repr(member)
