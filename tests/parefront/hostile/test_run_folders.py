"""Hostile folders of runs give an answer or one line, and nothing of others' files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ...evaluators.mutations import CASES
from ..mutations import mutate
from . import run_folders
from .watch import Verdict, judged


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folders.made(tmp_path_factory.mktemp("runs"))


def judge(
    finished: Path,
    folder: Path,
    spoil: Callable[[Path, Path], object],
    capsys: pytest.CaptureFixture[str],
    resume: bool,
) -> Verdict:
    """Spoil a copy of the run, read it, and look whether anything outside was read or changed."""
    run, outside = folder / "run", run_folders.outside_of(folder)
    shutil.copytree(finished, run)
    spoil(run, outside)
    verdict = judged(run_folders.acts(run, folder, resume), *run_folders.within(run, folder))
    captured = capsys.readouterr()
    assert verdict.faults == []
    assert run_folders.untouched(outside)
    assert run_folders.SECRET not in captured.out + captured.err + "".join(verdict.said)
    assert "\x1b" not in captured.out + captured.err
    exported = folder / "exported" / "out.onnx"
    assert not exported.exists() or run_folders.SECRET not in exported.read_text(errors="replace")
    return verdict


@pytest.mark.parametrize(("file", "place"), run_folders.NAMES)
def test_a_file_of_a_run_that_is_something_else(
    file: str, place: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(run: Path, outside: Path) -> None:
        path = run / file
        path.rename(path.with_name(path.name + ".kept"))
        run_folders.PLACES[place](path, outside)
        path.with_name(path.name + ".kept").unlink()

    verdict = judge(finished, tmp_path, spoil, capsys, resume=False)
    assert verdict.said or place in ("not a number", "controls", "other fields")


@pytest.mark.parametrize("artifact", run_folders.ARTIFACTS, ids=lambda value: ascii(value)[:30])
def test_an_artefact_that_is_somewhere_else(
    artifact: Any, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = judge(
        finished, tmp_path, lambda run, outside: run_folders.with_artifact(run, outside, artifact), capsys, resume=False
    )
    assert verdict.said
    assert not (tmp_path / "exported" / "out.onnx").exists()


@pytest.mark.parametrize("part", run_folders.PARTS)
def test_a_part_of_a_run_that_leads_out(
    part: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(finished, tmp_path, run_folders.PARTS[part], capsys, resume=part.startswith(run_folders.WRITTEN))


@pytest.mark.parametrize(
    "name", ["a" * 300, "a" * 5000, "\0", "a\nb", "\x1b[2J", "..", "../..", "/", "", "/dev/zero", "~"]
)
def test_a_run_of_a_strange_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    verdict = judged(list(run_folders.acts(Path(name), tmp_path))[1:])
    assert verdict.faults == []
    assert len(verdict.said) == 2


def test_runs_changed_by_chance(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(CASES // 5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        judge(finished, folder, partial(_mutated, seed), capsys, resume=False)


def _mutated(seed: int, run: Path, outside: Path) -> None:
    mutate(run, outside, random.Random(seed))
