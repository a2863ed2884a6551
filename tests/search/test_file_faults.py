"""Whatever step of writing a search is killed in, or the disk fails at: nothing is lost, and nothing done twice."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.errors import HostFailed, RunNotFound
from parefront.evaluators.results.front import Front
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces import files
from parefront.spaces.policy import Policy

from ..faults import FaultyOs
from .end_state import end_state, leftovers
from .synthetic import SyntheticEvaluator

CONFIG = {"search": {"sampler": "random", "trials": 4, "seed": 1, "keep_artifacts": "front"}}
EVERY = 1 if "PAREFRONT_FAULTS" in os.environ else 5
"""Of the steps, which are tried: all where the environment asks for it. A file takes three, so all kinds are."""
SHARES = 4
"""Tests that the steps are dealt to, for workers of pytest to share."""


class WritingEvaluator(SyntheticEvaluator):
    """Writes artefacts as the real one does, and notes what it has evaluated to the end."""

    log: Path

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        candidate = super().evaluate(policy, artifact, rivals)
        with self.log.open("a") as stream:
            stream.write(policy.digest + "\n")
        return candidate

    def write(self, artifact: Path, content: bytes) -> None:
        files.write_bytes(artifact, content)


def session(path: Path) -> None:
    """What the command does: open or create the run, and search."""
    evaluator = WritingEvaluator(blocks=3)
    evaluator.log = path.with_suffix(".evaluated")
    search(Run.resume_or_create(path, CONFIG), evaluator)


def faulty_session(path: Path, faulty: FaultyOs) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "os", faulty)
        session(path)


def records_of(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.glob("trials/[0-9]*.json")}


def check_readable(path: Path) -> None:
    """The run says in its own words what it has; a front that is there is whole."""
    try:
        run = Run.open(path)
    except RunNotFound:
        return
    assert repr(run).startswith("<Run demo")
    if run.has_baseline:
        assert json.loads(json.dumps(run.to_json()))["run"] == "demo"
        assert len(run.front) <= len(run.trials)


def check_ends_as(whole: dict[str, Any], path: Path) -> None:
    """Go on with a search that has met a fault, and compare its end to that of one that has met none."""
    found = records_of(path)
    session(path)
    now = records_of(path)
    assert {name: now[name] for name in found} == found
    assert end_state(path) == whole
    assert leftovers(path) == []
    evaluated = path.with_suffix(".evaluated").read_text().split()
    assert len(evaluated) <= len(set(evaluated)) + 1, "at most the trial under way is done again"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """The end of a search without a fault, and the number of its steps."""
    path, counting = tmp_path_factory.mktemp("whole") / "demo", FaultyOs()
    faulty_session(path, counting)
    return end_state(path), counting.steps


def runs_of_share(folder: Path, steps: int, share: int) -> Iterator[tuple[int, Path]]:
    """The steps that a test has to try, each with a run of its own."""
    for step in range(share * EVERY, steps, SHARES * EVERY):
        (folder / str(step)).mkdir()
        yield step, folder / str(step) / "demo"


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_in_any_step_of_writing_it_ends_where_it_would_have_ended(
    share: int, tmp_path: Path, whole: tuple[dict[str, Any], int]
) -> None:
    end, steps = whole
    for step, path in runs_of_share(tmp_path, steps, share):
        process = multiprocessing.get_context("fork").Process(target=faulty_session, args=(path, FaultyOs(step)))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        check_readable(path)
        check_ends_as(end, path)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("from_then_on", [False, True])
def test_a_disk_that_fails_in_any_step_ends_the_session_in_one_line_and_spoils_no_trial(
    error: int, from_then_on: bool, tmp_path: Path, whole: tuple[dict[str, Any], int]
) -> None:
    end, steps = whole
    share = (error == errno.EIO) + 2 * from_then_on
    for step, path in runs_of_share(tmp_path, steps, share):
        with pytest.raises((HostFailed, OSError)) as told:
            faulty_session(path, FaultyOs(step, error, from_then_on))
        assert "No space left on device" in str(told.value) or "Input/output error" in str(told.value)
        assert "\n" not in str(told.value)
        check_readable(path)
        check_ends_as(end, path)
