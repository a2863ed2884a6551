"""What a front says of the training of its members: not trained, not kept, or kept, and its start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.recovered import Recovered
from parefront.search.runs.stores.recovered_store import RecoveredStore, Round, Trained
from parefront.search.runs.training import Training, training_of
from parefront.spaces.policy import Policy

RECIPE = "b792e1a716b4"


def member(trial: int, steps: int | None = None) -> Candidate:
    how = None if steps is None else Recovered(RECIPE, 0, steps, 0.1, 5.0)
    return Candidate(Policy({"quantize/stem": trial}), {}, trial=trial, recovered=how)


def key(trial: int) -> str:
    return f"{member(trial).policy.digest}-{RECIPE}"


@pytest.fixture
def store(tmp_path: Path) -> RecoveredStore:
    """Trial 24 was trained, 30 began with it and 38 with 30; of trial 7, which began with 30, nothing was kept."""
    kept = RecoveredStore(tmp_path)
    plain = Round(57, 0.1, "float32", 1, 5.0, 0.01, True)
    rounds = {
        24: [plain, replace(plain, steps=9, taken=False)],
        30: [replace(plain, steps=47, start=f"{key(24)}-0.safetensors")],
        38: [replace(plain, steps=43, start=f"{key(30)}-0.safetensors")],
        7: [
            replace(plain, steps=49, taken=False, start=f"{key(30)}-0.safetensors"),
            replace(plain, steps=6, taken=False),
        ],
    }
    for trial, listed in rounds.items():
        kept.write(Trained(key(trial), trial, tuple(listed)))
    return kept


@pytest.mark.parametrize(
    ("candidate", "training", "words"),
    [
        (member(24, 57), Training(True, 57), "int8, trained for 57 steps"),
        (
            member(30, 47),
            Training(True, 47, 24, 57),
            "int8, trained for 47 steps, beginning with what trial 24 was trained to in 57 steps",
        ),
        (
            member(38, 43),
            Training(True, 43, 30, 104),
            "int8, trained for 43 steps, beginning with what trial 30 was trained to in 104 steps",
        ),
        (
            member(7),
            Training(False, 55, 30, 104),
            "int8, trained for 55 steps, which was not kept as it made nothing better, beginning with what "
            "trial 30 was trained to in 104 steps",
        ),
        (member(2), Training(False, 0), "int8, not trained"),
    ],
)
def test_each_member_is_told_of(store: RecoveredStore, candidate: Candidate, training: Training, words: str) -> None:
    found = training_of(candidate, store.all())
    assert found == training
    how = candidate.recovered
    assert found.added_to("int8" if how is None else f"int8, trained for {how.steps} steps") == words


def test_nothing_is_said_where_the_run_trained_nothing_or_its_user_did(tmp_path: Path, store: RecoveredStore) -> None:
    assert training_of(member(2), RecoveredStore(tmp_path / "other").all()) is None
    given = replace(member(2), recovered=Recovered("abc", 0, 0, 0.0, 0.0, given=True))
    assert training_of(given, store.all()) is None
