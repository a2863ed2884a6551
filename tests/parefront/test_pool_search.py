"""Searches with worker processes, from the command to the front, on a tiny network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.evaluators.results.span import READING
from parefront.search.runs.run import Run
from parefront.search.runs.run_folder import WORKERS

from ..waiting import until

TASK = """
import torch
from torch.utils.data import TensorDataset

import parefront as pf
from parefront.testing.networks import plain


def split(count, seed):
    images = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return TensorDataset(images, plain()[0](images).argmax(1))


def task():
    return pf.Task(plain()[0], split(64, 1), split(256, 2), split(64, 3))
"""
CONFIG = {
    "task": "task.py:task",
    "compress": {"prune_channels": {"round_to": 4}, "quantize": {}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"sampler": "random", "trials": 5, "racing": False},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    (folder / "task.py").write_text(TASK)
    (folder / "search.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "locks").mkdir()
    return folder


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A search whose locks nobody else on this machine holds."""
    command = [sys.executable, "-m", "parefront", "search", "search.yaml", *options]
    environment = {**os.environ, "TMPDIR": str(folder / "locks")}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finished(folder: Path, *options: str) -> Run:
    searching = started(folder, *options)
    said, _ = searching.communicate(timeout=600)
    assert searching.returncode == 0, said
    return Run.open(folder / "runs" / options[options.index("--run") + 1])


@pytest.fixture(scope="module")
def local(folder: Path) -> Run:
    return finished(folder, "--run", "local")


def told(run: Run) -> list[tuple[Any, ...]]:
    """Of every trial what depends neither on the clock nor on the last bits of sums, which differ by process."""
    found = []
    for record in run.trials:
        assert record.candidate is not None, record.reason
        metrics = record.candidate.metrics
        counted = [metrics[key] for key in ("accuracy", "accuracy_change", "size_bytes", "macs", "params")]
        found.append((record.number, record.policy, *counted))
    return found


def test_with_one_worker_the_candidates_are_those_of_a_local_search(folder: Path, local: Run) -> None:
    pool = finished(folder, "--run", "one", "--executor", "pool", "--workers", "1")
    assert told(pool) == told(local)
    assert not (pool.path / WORKERS).exists()


def test_nothing_is_computed_while_a_latency_is_read_and_a_local_run_may_go_on_with_workers(
    folder: Path, local: Run
) -> None:
    before = told(local)
    run = finished(folder, "--run", "local", "--workers", "2", "--trials", "13")
    assert told(run)[:5] == before
    assert len(run.trials) == 13
    spans = [span for record in run.trials if record.candidate for span in record.candidate.spans]
    readings = [span for span in spans if span.step == READING]
    computed = [span for span in spans if span.step != READING]
    assert {span.place for span in readings} == {"this machine"}
    assert {span.place for span in computed} <= {"worker 1", "worker 2"}
    assert {"apply", "emit", "session", "parity", "accuracy"} <= {span.step for span in computed}
    assert len(readings) >= 8
    clash = [(c, r) for c in computed for r in readings if c.began < r.ended - 1e-3 and r.began < c.ended - 1e-3]
    assert clash == []
    ordered = sorted(readings, key=lambda span: span.began)
    assert all(one.ended <= other.began + 1e-3 for one, other in pairwise(ordered))


def children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def test_a_search_that_is_killed_leaves_no_process_and_goes_on(folder: Path) -> None:
    searching = started(folder, "--run", "killed", "--workers", "2", "--trials", "3")
    run = folder / "runs" / "killed"
    until(lambda: list(run.glob("trials/*.json")), seconds=300)
    processes = list(children(searching.pid))
    assert len(processes) >= 3, "two workers, and the device's"
    os.kill(processes[-1], signal.SIGSTOP)
    searching.kill()
    searching.wait(60)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))

    whole = finished(folder, "--run", "killed", "--trials", "3")
    assert len(whole.trials) == 3
    assert not (run / WORKERS).exists()
    assert json.loads((run / "front.json").read_text())["trials"]["complete"] == 3
