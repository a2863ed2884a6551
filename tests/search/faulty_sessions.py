"""Sessions of a small search that something goes wrong in, and what has to hold after each, and after the next one."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.errors import RunNotFound
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces import files
from parefront.spaces.policy import Policy

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


def exit_code_of(target: Callable[..., None], *arguments: Any) -> int:
    """How a process ends that does this."""
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


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
    assert {name: now[name] for name in found} == found, "what was recorded stays as it was"
    assert end_state(path) == whole
    assert leftovers(path) == []
    evaluated = path.with_suffix(".evaluated").read_text().split()
    assert len(evaluated) <= len(set(evaluated)) + 1, "at most the trial under way is done again"


def records_of(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.glob("trials/[0-9]*.json")}


def runs_of_share(folder: Path, steps: int, share: int, every: int = EVERY) -> Iterator[tuple[int, Path]]:
    """The steps that a test has to try, each with a run of its own."""
    for step in range(share * every, steps, SHARES * every):
        (folder / str(step)).mkdir()
        yield step, folder / str(step) / "demo"
