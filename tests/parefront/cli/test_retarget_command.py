"""``parefront retarget``: a run's candidates on another device, their accuracies taken over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.cli import retarget as retargeting
from parefront.compressors.pipeline import Pipeline
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.retargeted import RetargetedEvaluator
from parefront.evaluators.trial.scores import split
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy

from ..conftest import TASK, Command
from ..searching import SEARCH, searched_project

CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "compress": {"prune_channels": {"round_to": 4}, "quantize": {}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 6, "sampler": "random", "seed": 3, "racing": False},
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a finished run, ``demo``."""
    return searched_project(tmp_path_factory.mktemp("searched"), TASK, CONFIG)


@pytest.fixture
def source(searched: Path, project: Path) -> Run:
    """A copy of that run, in the project's own ``runs/``."""
    shutil.copytree(searched, project, dirs_exist_ok=True)
    return Run.open("demo")


def no_accuracy_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise AssertionError("an accuracy run")

    monkeypatch.setattr(split, "run_outputs", fail)


def test_candidates_are_timed_anew_and_their_scores_taken_over(
    source: Run, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {member.policy.digest for member in source.front}
    for path in source.path.glob("final/0*.json"):  # all have been tested, so that none has to be now
        assert "test_accuracy" in json.loads(path.read_text())["metrics"]
    for trial in source.trials:
        if trial.candidate is not None and trial.candidate.policy.digest not in members:
            (source.path / "trials" / f"{trial.number:06d}.json").unlink()
    no_accuracy_runs(monkeypatch)

    outcome = run("retarget", "demo", "--device", "threads=2")

    assert outcome.code == 0, outcome.err
    there = Run.open("demo-on-threads-2")
    assert there.finished
    assert there.config["device"]["threads"] == 2
    known = {member.policy.digest: member for member in source.front}
    assert {record.policy.digest for record in there.trials} == members
    for record in there.trials:
        assert record.candidate is not None
        before = known[record.policy.digest]
        assert record.candidate.sha256 == before.sha256
        assert record.candidate.notes == ()
        assert record.candidate.metrics["accuracy"] == before.metrics["accuracy"]
        assert record.candidate.metrics["latency_ms"] != before.metrics["latency_ms"]
    for member in there.front:
        assert member.metrics["test_accuracy"] == known[member.policy.digest].metrics["test_accuracy"]


def test_no_file_that_was_kept_is_made_anew(source: Run, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {r.candidate.policy.digest: r.candidate for r in source.trials if r.candidate and r.policy}
    lost, changed, *_ = (candidate.artifact for candidate in measured.values())
    assert lost is not None
    assert changed is not None
    lost.unlink()
    changed.write_bytes(b"another model")
    compressed: list[str] = []
    structured = Pipeline.structured

    def count(pipeline: Pipeline, net: Any, policy: Policy, *arguments: Any) -> Any:
        compressed.append(policy.digest)
        return structured(pipeline, net, policy, *arguments)

    monkeypatch.setattr(Pipeline, "structured", count)
    assert run("retarget", "demo", "--device", "threads=2").code == 0

    there = {record.policy.digest: record.candidate for record in Run.open("demo-on-threads-2").trials}
    assert {digest for digest in compressed if digest in measured} == {lost.stem, changed.stem}
    for digest, before in measured.items():
        again = there[digest]
        assert again is not None
        assert again.artifact is not None
        assert again.content() == again.artifact.read_bytes()
        assert again.sha256 == before.sha256
        for key in ("size_bytes", "macs", "params"):
            assert again.metrics[key] == before.metrics[key]


def test_every_policy_is_replayed_the_front_first_and_the_same_command_goes_on(
    source: Run, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = [record.policy for record in source.trials if record.candidate is not None]
    members = {member.policy.digest for member in source.front}
    wanted = sorted(measured, key=lambda policy: policy.digest not in members)
    retarget = ("retarget", "demo", "--device", "threads=2", "--run", "two")
    evaluate = RetargetedEvaluator.evaluate

    def interrupted(self: RetargetedEvaluator, *arguments: Any) -> Candidate:
        if len(Run.open("two").trials) == 2:
            raise KeyboardInterrupt
        return evaluate(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(RetargetedEvaluator, "evaluate", interrupted)
        assert run(*retarget).code == 130
    assert [record.policy for record in Run.open("two").trials] == wanted[:2]

    outcome = run(*retarget)

    assert outcome.code == 0, outcome.err
    assert [record.policy for record in Run.open("two").trials] == wanted


def test_what_is_quantised_is_made_and_scored_anew_where_the_device_needs_other_int8(source: Run, run: Command) -> None:
    path = source.path / "environment.json"
    environment = json.loads(path.read_text())
    flags = set(environment["device"]["flags"]) & {"avx512_vnni", "avx_vnni", "amx_int8"}
    environment["device"] |= {"flags": ["avx2"] if flags else ["avx2", "avx_vnni"], "machine": "x86_64"}
    path.write_text(json.dumps(environment))

    outcome = run("retarget", "demo", "--device", "threads=2")

    assert outcome.code == 0, outcome.err
    there = Run.open("demo-on-threads-2")
    assert "built_for" not in there.environment
    anew = {r.policy: "accuracy" in r.candidate.timings for r in there.trials if r.candidate is not None}
    assert anew == {policy: bool(policy.of("quantize")) for policy in anew}
    assert any(anew.values())


def test_the_run_it_makes_can_be_retargeted_in_turn(source: Run, run: Command) -> None:
    assert run("retarget", "demo", "--device", "threads=2", "--run", "two").code == 0
    outcome = run("retarget", "two", "--device", "optimisation=enable_basic", "--run", "basic")
    assert outcome.code == 0, outcome.err
    assert Run.open("basic").environment["built_for"] == source.environment["device"]


def test_on_another_machine_no_other_device_has_to_be_named(source: Run, run: Command) -> None:
    path = source.path / "environment.json"
    environment = json.loads(path.read_text())
    environment["device"]["onnxruntime"] = "1.0.0"
    path.write_text(json.dumps(environment))

    refused = run(*SEARCH, "--trials", "7")
    assert refused.code == 2
    assert "another onnxruntime (1.0.0 there" in refused.err
    assert "parefront retarget demo" in refused.err

    outcome = run("retarget", "demo", "--run", "here")
    assert outcome.code == 0, outcome.err
    assert Run.open("here").config["device"] == source.config["device"]


def test_other_weights_or_images_do_not_inherit_the_scores(source: Run, run: Command, project: Path) -> None:
    task = project / "demo" / "task.py"
    task.write_text(task.read_text().replace("manual_seed(0)", "manual_seed(1)"))
    outcome = run("retarget", "demo", "--device", "threads=2")
    assert outcome.code == 2
    assert "run demo is of another task: other weights" in outcome.err
    task.write_text(task.read_text().replace("manual_seed(1)", "manual_seed(0)"))
    replay = f"sampler: replay, sampler_options: {{run: {source.path}}}, reuse_scores: {source.path}"
    outcome = run(*SEARCH, "--run", "other", "--set", f"search={{{replay}, trials: 6, seed: 4}}")
    assert outcome.code == 2
    assert "another search.seed (3 there, 4 here)" in outcome.err
    assert [path.name for path in source.path.parent.iterdir()] == ["demo"]


def test_scores_of_another_space_are_not_taken_over(source: Run, run: Command) -> None:
    path = source.path / "graph.json"
    graph = json.loads(path.read_text())
    (knob,) = [knob for knob in graph["knobs"] if knob["compressor"] == "quantize"][:1]
    path.write_text(json.dumps({**graph, "knobs": [{**knob, "choices": [32, 8, 4]}]}))
    outcome = run("retarget", "demo", "--device", "threads=2")
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "run demo was searched in another space" in outcome.err


def test_scores_are_for_replayed_policies_only(source: Run, run: Command) -> None:
    outcome = run(*SEARCH, "--run", "other", "--set", "search.reuse_scores=demo")
    assert outcome.code == 2
    assert "only policies of run demo have scores to take over" in outcome.err


def test_a_run_made_in_python_is_retargeted_from_there(source: Run, run: Command) -> None:
    config = yaml.safe_load((source.path / "config.yaml").read_text())
    (source.path / "config.yaml").write_text(yaml.safe_dump({**config, "task": "given in Python"}))
    outcome = run("retarget", "demo", "--device", "threads=2")
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "'reuse_scores': 'demo'" in outcome.err


def test_of_several_devices_one_is_left() -> None:
    assert retargeting.without_device("latency@my-pi <= 30ms") == "latency <= 30ms"
    assert retargeting.without_device("accuracy") == "accuracy"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere", "--device", "threads=2"), "no run 'nowhere'"),
        (("demo",), "--device: expected another device than that of run demo"),
        (("demo", "--device", "threads=1"), "--device: expected another device than that of run demo"),
        (("demo", "--device", "thread=2"), "did you mean 'threads'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    source: Run, run: Command, arguments: tuple[str, ...], says: str
) -> None:
    outcome = run("retarget", *arguments)
    assert outcome.code == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert [path.name for path in source.path.parent.iterdir()] == ["demo"]


def test_a_masked_command_has_to_be_given_anew(source: Run, run: Command, tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text("device: {command: [sshpass, -p, '***', ssh, pi@board]}")
    outcome = run("retarget", "demo", "--device", str(kept))
    assert outcome.code == 2
    assert outcome.err.startswith("error: --device: the secret in device.command is masked (***)")


def test_the_name_of_the_run_does_not_tell_a_password() -> None:
    assert retargeting._slug(["command=sshpass -p s3cret ssh pi@board"]) == "command-sshpass-p-ssh-pi-board"
