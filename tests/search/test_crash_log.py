"""A policy that crashes the search's own process: the same command counts its trial as failed, and goes on."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
from concurrent.futures import Future
from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.crash_log import CRASHED, CrashLog
from parefront.search.executors.errors import WorkerKilled
from parefront.search.runs.record import Outcome
from parefront.search.runs.run import Run
from parefront.spaces.policy import Policy

from .end_state import leftovers
from .synthetic import SyntheticEvaluator

TRIALS, CRASHES_AT = 8, 3
SEGMENTATION_FAULT = "Fatal Python error: Segmentation fault"


class Crashing(SyntheticEvaluator):
    """Some policy, the fourth to be evaluated in the first session, ends the process; in others, too."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        fatal = artifact.parents[1] / "fatal"
        if len(self.evaluated) == CRASHES_AT and not fatal.exists():
            fatal.write_text(policy.digest)
        if fatal.exists() and fatal.read_text() == policy.digest:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().evaluate(policy, artifact, rivals)


def session(path: Path) -> None:
    config = {"search": {"sampler": "random", "trials": TRIALS, "seed": 3}}
    search(Run.resume_or_create(path, config), Crashing(blocks=4))


def exit_code(path: Path) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=session, args=(path,))
    process.start()
    process.join()
    return process.exitcode


def test_the_same_command_goes_on_without_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "demo"
    assert exit_code(path) == -signal.SIGSEGV
    assert len(Run.open(path).trials) == CRASHES_AT
    assert exit_code(path) == 0
    records = Run.open(path).trials
    failed = [record for record in records if record.outcome is Outcome.FAILED]
    assert len(records) == TRIALS
    assert [record.policy.digest for record in failed] == [(path / "fatal").read_text()]
    assert failed[0].reason == f"WorkerKilled: the process of an earlier session crashed by it: {SEGMENTATION_FAULT}"
    assert "in evaluate" in failed[0].traceback, "the place where it has crashed is kept"
    assert not leftovers(path)


def done() -> Future[Candidate]:
    return Future()


def test_a_killed_process_has_not_crashed(tmp_path: Path) -> None:
    policy = Policy({"prune_channels/conv": 0.5})
    (tmp_path / CRASHED).write_text(f"{policy.digest}\n")
    assert not CrashLog(tmp_path).submitted(policy, done).done(), "it is evaluated again"


def test_only_the_policy_that_has_crashed_is_left_out(tmp_path: Path) -> None:
    fatal, other = Policy({"prune_channels/conv": 0.5}), Policy({"prune_channels/conv": 0.25})
    (tmp_path / CRASHED).write_text(f"{fatal.digest}\n{SEGMENTATION_FAULT}\n\nCurrent thread …\n")
    log = CrashLog(tmp_path)
    assert not log.submitted(other, done).done()
    with pytest.raises(WorkerKilled, match=SEGMENTATION_FAULT):
        log.submitted(fatal, done).result()


@pytest.mark.parametrize("enabled", [True, False])
def test_whoever_else_is_told_of_crashes_is_told_again(tmp_path: Path, enabled: bool) -> None:
    before = faulthandler.is_enabled()
    (faulthandler.enable if enabled else faulthandler.disable)()
    try:
        CrashLog(tmp_path).submitted(Policy(), done)
        assert faulthandler.is_enabled() == enabled
    finally:
        (faulthandler.enable if before else faulthandler.disable)()
