"""Scores before and after training are compared by their order, those of dropped rounds included."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import kendalltau

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.search.recovery.ranking import ranking
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.stores.recovered_store import Round, Trained
from parefront.spaces.policy import Policy

BEFORE = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
AFTER = [0.91, 0.85, 0.88, 0.7, 0.3, 0.6]


def candidate(trial: int, accuracy: float) -> Candidate:
    policy = Policy({"prune_channels/conv": trial})
    return Candidate(policy, {"accuracy": Measurement.exact(accuracy, "fraction")}, sha256="0" * 64, trial=trial)


def run_of(folder: Path, members: int) -> Run:
    run = Run.create("run", {"objectives": ["accuracy", "size"]}, folder)
    for trial in range(members):
        before, after = BEFORE[trial], AFTER[trial]
        untrained = candidate(trial, before)
        run.write_record(TrialRecord(trial, untrained.policy, Outcome.COMPLETE, untrained))
        done = Round(10, 0.1, "float32", 1, 1.0, after - before, taken=after > before)
        taken = candidate(trial, after) if done.taken else None
        run.recovered.write(Trained(f"{untrained.policy.digest}-{'ab' * 6}", trial, (done,), taken))
    return run


def test_it_is_kendalls_tau_of_what_was_measured_dropped_rounds_included(tmp_path: Path) -> None:
    found = ranking(run_of(tmp_path, 6))
    assert found is not None
    assert found.members == 6
    assert found.tau == pytest.approx(kendalltau(BEFORE, AFTER).statistic)
    assert "τ of the scores before and after training is 0.73 (6 members)" in str(found)


def test_of_four_members_nothing_is_said(tmp_path: Path) -> None:
    assert ranking(run_of(tmp_path, 4)) is None
