"""Networks that a user has named: kept by the digests of their files, read back as they were, damage is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.search.runs.run import Run
from parefront.search.runs.stores.beside_store import BesideStore, Given
from parefront.spaces.files import UnreadableFile
from parefront.spaces.policy import Policy

FILE = hashlib.sha256(b"resnet20").hexdigest()


def given(store: BesideStore, name: str = "resnet20", file: str = FILE) -> Given:
    metrics = {"accuracy": Measurement(0.91, 0.9, 0.92, 1000, "fraction")}
    return Given(name, file, Candidate(Policy(), metrics, store.artifact(file), file, notes=("a note",)), 2.5)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = BesideStore(tmp_path)
    assert store.all() == []
    assert store.of(FILE) is None

    store.write(given(store))

    assert BesideStore(tmp_path).of(FILE) == given(store)
    assert [each.name for each in BesideStore(tmp_path).all()] == ["resnet20"]


def test_a_file_is_kept_once_by_the_name_that_it_had_last(tmp_path: Path) -> None:
    store = BesideStore(tmp_path)
    store.write(given(store))
    store.write(given(store, "smaller"))
    store.write(given(store, "other", hashlib.sha256(b"other").hexdigest()))

    assert [each.name for each in store.all()] == ["other", "smaller"]


@pytest.mark.parametrize("wrong", [{"file": "0" * 64}, {"file": "../x"}, {"name": 3}, {"metrics": []}, {"digest": "x"}])
def test_damage_is_named(tmp_path: Path, wrong: dict[str, object]) -> None:
    store = BesideStore(tmp_path)
    store.write(given(store))
    (path,) = store.folder.glob("*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))

    with pytest.raises(UnreadableFile, match=path.name):
        BesideStore(tmp_path).all()


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    run = Run.create("demo", {"task": "task.py:task"}, tmp_path)
    (tmp_path / "outside").mkdir()
    (run.path / "beside").symlink_to(tmp_path / "outside")

    with pytest.raises(UnreadableFile, match="beside: expected a folder of the run, got a symbolic link"):
        Run.open("demo", tmp_path)
