"""Which policies of a run are replayed: all that were scored in full, or those that may be good elsewhere too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.search.samplers.replay import replayed

from ..synthetic import SyntheticEvaluator


def searched(folder: Path, **config: Any) -> Run:
    run = Run.create(folder, {"search": {"trials": 40, "sampler": "random"}, **config})
    search(run, SyntheticEvaluator(blocks=5))
    return run


def stop_early(run: Run, number: int) -> None:
    """As if that trial's candidate had been stopped after a short look."""
    path = run.path / "trials" / f"{number:06d}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "notes": ["stopped early: dominated by trial 1"]}))


@pytest.mark.parametrize("objective", ["latency", "latency_ms"])
def test_what_a_quarter_less_time_would_put_on_the_front_is_promising(objective: str, tmp_path: Path) -> None:
    run = searched(tmp_path / "run", objectives=["accuracy", objective])
    members = {member.policy for member in run.front}
    promising = set(replayed(run, promising=True))
    assert members < promising < set(replayed(run))


def test_members_that_are_on_the_front_for_a_budget_are_promising(tmp_path: Path) -> None:
    run = searched(tmp_path / "run", budget=["size <= 0.75x"])
    fitting = {member.policy for member in run.front if run.settings.budgets[0].met(member, run.baseline)}
    assert fitting
    assert fitting <= set(replayed(run, promising=True))


def test_what_was_stopped_early_counts_only_where_its_score_was_taken_over(tmp_path: Path) -> None:
    run = searched(tmp_path / "run")
    other = searched(tmp_path / "other", search={"trials": 40, "sampler": "random", "reuse_scores": "run"})
    everything = replayed(run)
    assert set(replayed(other)) == set(everything)
    for each in (run, other):
        stop_early(each, 3)
    assert len(replayed(run)) == len(everything) - 1
    assert len(replayed(other)) == len(everything)
