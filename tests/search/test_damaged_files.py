"""A run one of whose files is cut short, of an older or a newer version, or another run's: an answer, or one line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces.errors import ParefrontError

from .faulty_sessions import CONFIG, records_of
from .synthetic import SyntheticEvaluator

STEP = 1 if "PAREFRONT_FAULTS" in os.environ else 97
"""Of the bytes of a file, at which it is cut: all where the environment asks for it."""


def searched(path: Path, trials: int, blocks: int = 3) -> Run:
    """The run after a session; the config says nothing but what both sessions share."""
    run = Run.resume_or_create(path, {"search": {**CONFIG["search"], "trials": trials}})
    search(run, SyntheticEvaluator(blocks=blocks))
    return run


def files_of(run: Path) -> list[Path]:
    return sorted(file for file in run.rglob("*") if file.is_file() and file.name != ".lock")


def answer_or_line(action: Callable[[], object], file: str) -> str:
    """The error's message, which has to be one line; empty where there is an answer."""
    said = ""
    try:
        action()
    except ParefrontError as error:
        said = str(error)
    assert "\n" not in said, file
    return said


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("finished") / "demo"
    searched(path, trials=4)
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a smaller network."""
    path = tmp_path_factory.mktemp("other") / "demo"
    searched(path, trials=4, blocks=2)
    return path


def copied(run: Path, folder: Path) -> Path:
    shutil.copytree(run, folder)
    return folder


def test_cut_at_any_byte_a_file_is_read_or_named(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path / "demo")
    read = [file for file in files_of(run) if file.suffix in (".json", ".yaml", ".csv", ".txt")]
    for file in read:
        content = file.read_bytes()
        for length in {*range(0, len(content), STEP), len(content) - 2, len(content) - 1}:
            file.write_bytes(content[:length])
            said = answer_or_line(lambda: Run.open(run).to_json(), file.name)
            assert not said or file.name in said, f"{file} cut to {length} bytes: {said}"
            assert said or file.suffix != ".json" or length == len(content) - 1 or file.name == "graph.json", file
        file.write_bytes(content)


def check_goes_on(run: Path, before: dict[str, bytes], file: str) -> str:
    """Search for one more trial: nothing recorded is lost, and what is damaged is named or made anew."""
    said = answer_or_line(lambda: searched(run, trials=5), file)
    there = records_of(run)
    assert all(there.get(name) == content for name, content in before.items()), file
    assert said or len(there) == 5, file
    return said


def test_a_search_goes_on_or_names_the_file_that_is_cut(finished: Path, tmp_path: Path) -> None:
    for index, original in enumerate(files_of(finished)):
        run = copied(finished, tmp_path / str(index) / "demo")
        file = run / original.relative_to(finished)
        os.truncate(file, file.stat().st_size // 2)
        before = {name: content for name, content in records_of(run).items() if name != file.name}
        said = check_goes_on(run, before, file.name)
        assert not said or file.name in said or "another config" in said, f"{file}: {said}"


@pytest.mark.parametrize("name", ["study.db", "front.json"])
def test_another_runs_file_does_no_harm(finished: Path, other: Path, tmp_path: Path, name: str) -> None:
    run = copied(finished, tmp_path / "demo")
    for end in ("", "-wal", "-shm"):
        (run / f"{name}{end}").unlink(missing_ok=True)
        if (other / f"{name}{end}").exists():
            shutil.copy(other / f"{name}{end}", run / f"{name}{end}")
    assert check_goes_on(run, records_of(run), name) == ""


def test_a_run_of_an_older_version_goes_on(finished: Path, tmp_path: Path) -> None:
    """It kept no digests of its task, no graph, no metric, and less of every candidate."""
    run = copied(finished, tmp_path / "demo")
    for name in ("task.json", "graph.json", "spent.json"):
        (run / name).unlink(missing_ok=True)
    for file in run.rglob("*.json"):
        fields = json.loads(file.read_text())
        for key in ("metric", "date", "picks", "traceback"):
            fields.pop(key, None)
        file.write_text(json.dumps(fields))
    assert check_goes_on(run, records_of(run), "of an older version") == ""


def test_a_run_of_a_newer_version_goes_on_though_it_says_more(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path / "demo")
    for file in run.rglob("*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "what_is_still_to_come": {"value": 1}}))
    assert check_goes_on(run, records_of(run), "of a newer version") == ""
