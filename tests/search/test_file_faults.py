"""Whatever step of writing a search is killed in, or the disk fails at: nothing is lost, and nothing done twice."""

from __future__ import annotations

import errno
import signal
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.errors import HostFailed
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces import files

from ..faults import FaultyOs
from .end_state import end_state, leftovers
from .faulty_sessions import (
    CONFIG,
    SHARES,
    WritingEvaluator,
    check_ends_as,
    check_readable,
    exit_code_of,
    records_of,
    runs_of_share,
    session,
)
from .test_ask_ahead import Pool


def faulty_session(path: Path, faulty: FaultyOs) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "os", faulty)
        session(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """The end of a search without a fault, and the number of its steps."""
    path, counting = tmp_path_factory.mktemp("whole") / "demo", FaultyOs()
    faulty_session(path, counting)
    return end_state(path), counting.steps


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_in_any_step_of_writing_it_ends_where_it_would_have_ended(
    share: int, tmp_path: Path, whole: tuple[dict[str, Any], int]
) -> None:
    end, steps = whole
    for step, path in runs_of_share(tmp_path, steps, share):
        assert exit_code_of(faulty_session, path, FaultyOs(step)) == -signal.SIGKILL
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


def session_with_workers(path: Path, faulty: FaultyOs) -> None:
    """Three evaluations are under way at a time, and end in another order than they were asked for in."""
    evaluator = WritingEvaluator(blocks=3)
    evaluator.log = path.with_suffix(".evaluated")
    config = {"search": {**CONFIG["search"], "trials": 6}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "os", faulty)
        search(Run.resume_or_create(path, config), evaluator, executor=Pool(evaluator, workers=3))


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_with_several_workers_it_does_what_was_asked_for_and_no_more(share: int, tmp_path: Path) -> None:
    counting = FaultyOs()
    session_with_workers(tmp_path / "demo", counting)
    for step, path in runs_of_share(tmp_path, counting.steps, share):
        assert exit_code_of(session_with_workers, path, FaultyOs(step)) == -signal.SIGKILL
        check_readable(path)
        found, asked = records_of(path), {file.name for file in path.glob("asked/*.json")}

        session_with_workers(path, FaultyOs())
        now, run = records_of(path), Run.open(path)
        assert {name: now[name] for name in found} == found
        assert asked <= now.keys(), "what was under way is evaluated under its number"
        assert run.counts["failed"] == 0
        assert len(run.trials) == len({record.policy for record in run.trials}) == 6
        assert len(run.front)
        assert leftovers(path) == []
