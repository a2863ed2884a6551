"""What was trained of a member, on disk and back; damaged files are named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import ACCURACY
from parefront.evaluators.results.recovered import Recovered
from parefront.search.runs.stores.recovered_store import RecoveredStore, Round, Trained
from parefront.spaces.files import UnreadableFile
from parefront.spaces.policy import Policy

POLICY = Policy({"prune_channels/conv1": 0.5})
KEY = f"{POLICY.digest}-0123456789ab"


def trained(folder: Path, accuracy: float = 0.9, key: str = KEY, number: int = 1) -> Trained:
    """Two rounds, the second of which was taken."""
    recipe = key.rpartition("-")[2]
    candidate = Candidate(
        POLICY, {"accuracy": Measurement.exact(accuracy, "fraction")}, folder / "artifacts" / f"{key}-{number}.onnx",
        "ab" * 32, trial=3, recovered=Recovered(recipe, number, 150, 0.3, 40.0),
    )  # fmt: skip
    rounds = (
        Round(50, 0.3, "float32", 1, 20.0, -0.001),
        Round(100, 0.1, "bfloat16", 2, 20.0, 0.02, taken=True),
    )
    return Trained(key, 3, rounds, candidate)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    store, known = RecoveredStore(tmp_path), trained(tmp_path)
    store.write(known)
    assert RecoveredStore(tmp_path).all() == [known]
    assert store.of(KEY, 3) == known
    assert store.seconds == 40.0
    assert store.weights_of(known) == tmp_path / "recovered" / f"{KEY}-1.safetensors"
    assert known.candidate is not None
    assert known.candidate.weights == store.weights_of(known)
    assert known.candidate.key == f"{KEY}-1"


def test_a_round_under_way_counts_for_nothing_yet(tmp_path: Path) -> None:
    store, before = RecoveredStore(tmp_path), trained(tmp_path)
    store.write(before.beginning(Round(200, 0.05, "float32", 1)))
    found = store.of(KEY, 3)
    assert found.under_way == Round(200, 0.05, "float32", 1)
    assert found.ended == before.rounds
    assert found.steps == 150
    assert store.best(ACCURACY) == {3: before.candidate}


def test_of_two_recipes_the_better_one_is_taken(tmp_path: Path) -> None:
    store = RecoveredStore(tmp_path)
    other = trained(tmp_path, 0.91, f"{POLICY.digest}-ba9876543210")
    for known in (trained(tmp_path), other):
        store.write(known)
    assert store.best(ACCURACY) == {3: other.candidate}
    assert store.best(replace(ACCURACY, higher_is_better=False))[3] != other.candidate


def test_nothing_is_known_where_nothing_was_trained(tmp_path: Path) -> None:
    store = RecoveredStore(tmp_path)
    assert store.all() == []
    assert store.best(ACCURACY) == {}
    assert store.of(KEY, 3) == Trained(KEY, 3)
    assert store.weights_of(Trained(KEY, 3)) is None
    assert store.done is None


def test_files_of_rounds_that_a_later_one_has_bettered_go(tmp_path: Path) -> None:
    store, known = RecoveredStore(tmp_path), trained(tmp_path)
    known = replace(known, rounds=(replace(known.rounds[0], taken=True), known.rounds[1]))
    store.write(known)
    (tmp_path / "artifacts").mkdir()
    files = [[store.weights(KEY, number), tmp_path / "artifacts" / f"{KEY}-{number}.onnx"] for number in (0, 1)]
    for file in (*files[0], *files[1]):
        file.touch()
    store.forget_superseded()
    assert not any(file.exists() for file in files[0])
    assert all(file.exists() for file in files[1])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("key",), "another"),
        (("rounds", 0, "steps"), -1),
        (("rounds", 0, "taken"), "yes"),
        (("candidate", "recovered", "recipe"), "../../etc"),
        (("candidate", "artifact"), "/etc/passwd"),
        (("candidate", "digest"), "00"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, place: tuple[str | int, ...], value: object) -> None:
    RecoveredStore(tmp_path).write(trained(tmp_path))
    file = tmp_path / "recovered" / f"{KEY}.json"
    document = json.loads(file.read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(UnreadableFile, match=file.name):
        RecoveredStore(tmp_path).all()
