"""The pool evaluates in processes of its own, and says of each evaluation how it ended, however that was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from parefront.evaluators.device.remote.owner import DeviceOwner
from parefront.evaluators.results.errors import HostFailed
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.executors.executor import Executor
from parefront.search.executors.pool.pool import PoolExecutor, PoolOptions
from parefront.search.runs.run import Run
from parefront.search.runs.run_folder import WORKERS
from parefront.spaces.errors import Infeasible, TaskError
from parefront.spaces.files import write_json
from parefront.spaces.policy import Policy

from ....waiting import until
from ...synthetic import SyntheticEvaluator
from .evaluating import dying_at_start, faulty, formula, growing, meeting, unmakeable

WELL = Policy({"quantize/block0.conv1": 8})
RAISES, INFEASIBLE, EXITS, SEGFAULTS_ONCE, SEGFAULTS, HANGS = (
    Policy({"prune_channels/block0.conv1": ratio}) for ratio in (0.125, 0.25, 0.375, 0.5, 0.625, 0.75)
)
CONFIG = {"objectives": ["accuracy", "latency"], "budget": []}


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Of a search that has measured its uncompressed model."""
    folder = tmp_path / "run" / "artifacts"
    folder.mkdir(parents=True)
    write_json(folder / "anchors.json", {})
    return folder


@pytest.fixture
def front(artifacts: Path) -> Front:
    return Front.of([], ["accuracy", "latency"], SyntheticEvaluator(blocks=1).baseline(artifacts))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pool(said: list[str]) -> Iterator[PoolExecutor]:
    options = PoolOptions(workers=1, deadline_seconds=30.0)
    with closing(PoolExecutor(faulty, DeviceOwner(), options, said.append)) as pool:
        yield pool


def paths(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_what_goes_wrong_in_an_evaluation_is_told_and_the_next_one_is_done(
    pool: PoolExecutor, front: Front, artifacts: Path, said: list[str]
) -> None:
    def outcome(policy: Policy) -> BaseException | None:
        return pool.submit(policy, artifacts / f"{policy.digest}.onnx", front).exception(timeout=120)

    assert outcome(WELL) is None
    (first,) = pool.pids
    raised = outcome(RAISES)
    assert (type(raised).__name__, str(raised)) == ("OfTheTask", "the moon is full")
    assert raised is not None
    assert "_raises" in str(raised.__cause__), "the traceback of where it was raised"
    assert isinstance(outcome(INFEASIBLE), Infeasible)
    assert type(outcome(EXITS)).__name__ == "SystemExit"
    assert pool.pids == [first], "none of these has cost a process"

    assert outcome(SEGFAULTS_ONCE) is None
    assert pool.pids != [first]
    assert str(outcome(SEGFAULTS)) == (
        "its process was ended by SIGSEGV; its last words: a wild pointer; so did the one before it"
    )
    assert outcome(WELL) is None
    assert [line for line in said if "once more" in line] == [
        "worker 1 was ended by SIGSEGV; its policy is evaluated once more",
        "worker 1 was ended by SIGSEGV; its last words: a wild pointer; its policy is evaluated once more",
    ]


def test_what_takes_too_long_is_ended(front: Front, artifacts: Path) -> None:
    options = PoolOptions(workers=1, deadline_seconds=1.0)
    with closing(PoolExecutor(faulty, DeviceOwner(), options)) as pool:
        error = pool.submit(HANGS, artifacts / "hangs.onnx", front).exception(timeout=120)
        assert "no result after 1 s, of 1 s" in str(error)
        assert pool.submit(WELL, artifacts / "well.onnx", front).result(timeout=120).policy == WELL


def test_what_takes_too_much_memory_is_ended(front: Front, artifacts: Path) -> None:
    with closing(PoolExecutor(growing, DeviceOwner(), PoolOptions(workers=1, memory_bytes=1_500_000_000))) as pool:
        error = pool.submit(RAISES, artifacts / "grows.onnx", front).exception(timeout=120)
        assert "GB of memory, and may take 1.50 GB (executor.memory)" in str(error)
        assert pool.submit(WELL, artifacts / "well.onnx", front).result(timeout=120).policy == WELL


def test_closing_ends_the_processes_even_one_that_is_stopped(front: Front, artifacts: Path) -> None:
    pool = PoolExecutor(faulty, DeviceOwner(), PoolOptions(workers=2))
    stuck = pool.submit(HANGS, artifacts / "hangs.onnx", front)
    until(lambda: list(artifacts.glob("hangs.at.*")) or list(artifacts.glob(f"{HANGS.digest}.at.*")))
    until(lambda: len(pool.pids) == 2)
    pids = pool.pids
    os.kill(pids[0], signal.SIGSTOP)
    pool.close()
    assert stuck.cancelled()
    assert not any(map(paths, pids))
    assert not (artifacts.parent / WORKERS).exists()


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [(unmakeable, TaskError, "no such thing"), (dying_at_start, HostFailed, "status 3; its last words: cannot find")],
)
def test_a_worker_that_cannot_get_ready_says_why(
    make: Callable[..., object], kind: type[Exception], said: str, front: Front, artifacts: Path
) -> None:
    with closing(PoolExecutor(make, DeviceOwner(), PoolOptions(workers=1))) as pool:  # type: ignore[arg-type]
        with pytest.raises(kind, match=said):
            pool.submit(WELL, artifacts / "well.onnx", front).result(timeout=120)
        with pytest.raises(kind, match=said):
            pool.submit(WELL, artifacts / "well.onnx", front).result(timeout=120)


def searched(folder: Path, trials: int, make_executor: Callable[[], Executor] | None, sampler: str = "auto") -> Run:
    run = Run.resume_or_create("run", CONFIG | {"search": {"sampler": sampler, "trials": trials}}, folder)
    write_json(run.path / "artifacts" / "anchors.json", {})
    search(run, SyntheticEvaluator(blocks=3), executor=make_executor() if make_executor else None)
    return run


def test_with_one_worker_it_searches_as_the_local_executor_does(tmp_path: Path) -> None:
    local = searched(tmp_path / "local", 16, None)
    pool = searched(tmp_path / "pool", 16, lambda: PoolExecutor(formula, DeviceOwner(), PoolOptions(workers=1)))
    assert [record.policy for record in pool.trials] == [record.policy for record in local.trials]
    assert [c.metrics for c in pool.front] == [c.metrics for c in local.front]


def test_with_several_workers_each_policy_is_evaluated_once_by_one_of_them(tmp_path: Path) -> None:
    run = searched(tmp_path, 24, lambda: PoolExecutor(meeting, DeviceOwner(), PoolOptions(workers=2)))
    assert len(run.trials) == 24
    marks = [path.name.split(".at.") for path in (run.path / "artifacts").glob("*.at.*")]
    assert sorted(digest for digest, _ in marks) == sorted(record.policy.digest for record in run.trials)
    assert len({pid for _, pid in marks}) == 2
    assert not (run.path / WORKERS).exists()
