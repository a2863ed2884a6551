"""Members of a real front are trained, measured and taken where they are better; killed or not, with one result."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.device.device import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.trainer import Trainer
from parefront.search.controller import search
from parefront.search.interruption import Interruption
from parefront.search.recovery import recover as module
from parefront.search.runs.events import Event, Recovered, Recovering
from parefront.search.runs.run import Run
from parefront.search.runs.stores.recovered_store import RecoveredStore
from parefront.search.stopping import has_ended
from parefront.spaces.errors import ParefrontError
from parefront.spaces.task import Task
from parefront.testing.networks import random_images, residual

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
METHODS: dict[str, dict[str, Any]] = {
    "prune_channels": {"round_to": 4, "ratios": [0, 0.25, 0.5], "compensate": "none"},
    "quantize": {},
}
STEPS = 25


def task() -> Task:
    """What the network itself says of images is right, so that it is always right and its pruned forms are not."""
    net, _ = residual()

    def split(count: int, seed: int) -> TensorDataset:
        images = random_images(count, seed)
        with torch.no_grad():
            return TensorDataset(images, net(images).argmax(1))

    return Task(net, split(64, 1), split(300, 2), split(300, 3), split(512, 4))


def session(path: Path, recover: dict[str, Any], events: list[Event] | None = None, trials: int = 6) -> Run:
    """What the command does."""
    given = task()
    evaluator = TaskEvaluator(given, METHODS, DeviceOptions(), latency=QUICK)
    config = {"objectives": ["accuracy", "size"], "search": {"sampler": "random", "trials": trials, "seed": 1}}
    run = Run.resume_or_create(path, config | {"recover": recover})
    try:
        search(
            run, evaluator, events.append if events is not None else None, raise_errors=True,
            trainer=Trainer(evaluator.builder, run.recover.recipe(few=False), given.train),
        )  # fmt: skip
    finally:
        evaluator.close()
    return Run.open(path)


ASKED = {"when": "front", "steps": STEPS, "threads": 1, "precision": "float32", "batch": 32, "rate": 0.1}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search, nothing of it trained."""
    return session(tmp_path_factory.mktemp("runs") / "run", {}).path


@pytest.fixture
def path(searched: Path, tmp_path: Path) -> Path:
    shutil.copytree(searched, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def recovered(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Event]]:
    """The same, trained without a break."""
    there, events = tmp_path_factory.mktemp("whole") / "run", list[Event]()
    shutil.copytree(searched, there)
    return session(there, ASKED, events), events


def scored(artifact: Path) -> float:
    """Top-1 accuracy on the search split, by plain ONNX Runtime."""
    images, labels = task().search.tensors  # type: ignore[attr-defined]
    outputs = ort.InferenceSession(str(artifact)).run(None, {"input": images.numpy()})[0]
    return float((outputs.argmax(1) == labels.numpy()).mean())


def size_of(candidate: Candidate) -> float:
    return candidate.metrics["size_bytes"].value


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


def killed(path: Path, after: int) -> None:
    """A session that is killed in a step of training, a state having been kept after every third one."""
    count = 0

    def counting(event: Event) -> None:
        nonlocal count
        count += isinstance(event, Recovering)
        if count == after:
            os.kill(os.getpid(), signal.SIGKILL)

    module.TOLD_SECONDS = module.CHECKPOINT_SECONDS = 0.0
    events: Any = type("Events", (list,), {"append": staticmethod(counting)})()
    torch.set_num_threads(1)
    session(path, ASKED, events)


def test_killed_three_times_it_ends_with_the_same_files(recovered: tuple[Run, list[Event]], path: Path) -> None:
    for after in (7, 20, 2):
        code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_recover as t; "
        call = f"t.killed(t.Path({str(path)!r}), {after})"
        assert subprocess.run([sys.executable, "-c", code + call], check=False).returncode == -signal.SIGKILL
    run = session(path, ASKED)
    whole = RecoveredStore(recovered[0].path)
    weights = {file.name: file.read_bytes() for file in whole.folder.glob("*.safetensors")}
    assert {file.name: file.read_bytes() for file in RecoveredStore(path).folder.glob("*.safetensors")} == weights
    assert {c.trial: c.sha256 for c in run.front} == {c.trial: c.sha256 for c in recovered[0].front}


def test_an_interruption_keeps_the_state_of_the_training_under_way(path: Path) -> None:
    given, interruption = task(), Interruption()
    evaluator = TaskEvaluator(given, METHODS, DeviceOptions(), latency=QUICK)
    run = Run.resume_or_create(path, {**Run.open(path).config, "recover": ASKED})

    def on_event(event: Event) -> None:
        interruption.requested = isinstance(event, Recovering)

    with pytest.raises(KeyboardInterrupt):
        search(
            run, evaluator, on_event, interruption=interruption,
            trainer=Trainer(evaluator.builder, run.recover.recipe(few=False), given.train),
        )  # fmt: skip
    evaluator.close()
    folder = RecoveredStore(path).folder
    assert len(list(folder.glob("*.training.safetensors"))) == 1
    under_way = [json.loads(file.read_text())["rounds"][-1]["gain"] for file in folder.glob("*-*.json")]
    assert under_way == [None]


def test_what_is_not_better_is_dropped(path: Path) -> None:
    run = session(path, ASKED | {"rate": 1e-9, "steps": 1})
    assert not [candidate for candidate in run.front if candidate.recovered is not None]
    assert not list(RecoveredStore(path).folder.glob("*.safetensors"))
    assert all(trained.ended and not trained.ended[0].taken for trained in RecoveredStore(path).all())


def test_only_members_within_the_constraints_are_trained(path: Path) -> None:
    run = Run.open(path)
    sizes = sorted(size_of(c) for c in run.front if c.accuracy < 0.98)
    session(path, ASKED | {"steps": 2, "where": [f"size <= {sizes[0] / 1000}KB"]})
    assert len(RecoveredStore(path).all()) == 1


def test_minutes_are_kept_to(path: Path) -> None:
    session(path, {key: ASKED[key] for key in ("when", "threads", "precision", "batch")} | {"minutes": 0.1})
    store = RecoveredStore(path)
    assert 1 < store.seconds < 20
    assert has_ended(Run.resume_or_create(path, {**Run.open(path).config, "recover": {}}))


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
