"""Hostile ONNX, packed and safetensors files: refused in one line, or loaded; nothing else is read, nothing run."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ...evaluators.mutations import CASES
from . import models, tensors
from .watch import judged


@pytest.mark.parametrize("name", models.REFUSED)
def test_what_is_no_model_is_refused_by_all_that_read_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(models.REFUSED[name]())
    verdict = judged(models.acts(path, tmp_path), tmp_path)

    assert verdict.faults == []
    assert len(verdict.said) == 3
    assert not (tmp_path / "out.pfz").exists()


@pytest.mark.parametrize("name", models.UNBUILDABLE)
def test_a_model_that_cannot_be_is_loaded_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(models.UNBUILDABLE[name]())
    assert judged(models.acts(path, tmp_path), tmp_path).faults == []


@pytest.mark.parametrize("name", models.PACKS)
def test_what_is_no_packed_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pfz"
    path.write_bytes(models.PACKS[name]())
    verdict = judged(models.unpacking(path, tmp_path), tmp_path)

    assert verdict.faults == []
    assert len(verdict.said) == 2
    assert verdict.grown < 400_000_000
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("suffix", [".onnx", ".pfz"])
@pytest.mark.parametrize("place", models.PLACES)
def test_what_is_no_file_is_refused(place: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    models.PLACES[place](path)
    read = models.acts if suffix == ".onnx" else models.unpacking
    verdict = judged(read(path, tmp_path), tmp_path)

    assert verdict.faults == []
    assert len(verdict.said) == (3 if suffix == ".onnx" else 2)


@pytest.mark.parametrize("name", tensors.FILES)
def test_hostile_weights_of_a_task_are_one_line(name: str, tmp_path: Path) -> None:
    tensors.prepare(tmp_path, tensors.FILES[name]())
    verdict = judged(tensors.acts(tmp_path), tmp_path)

    assert verdict.faults == []
    assert len(verdict.said) == 1


@pytest.mark.parametrize(("make", "suffix"), [(models.fuzzed, ".onnx"), (models.packed, ".pfz")])
def test_models_changed_by_chance(make: Callable[[random.Random], bytes], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    read = models.acts if suffix == ".onnx" else models.unpacking
    for seed in range(2 * CASES):
        path.write_bytes(make(random.Random(seed)))
        assert judged(read(path, tmp_path), tmp_path).faults == [], seed


def test_weights_of_a_task_changed_by_chance(tmp_path: Path) -> None:
    for seed in range(2 * CASES):
        tensors.prepare(tmp_path, tensors.fuzzed(random.Random(seed)))
        assert judged(tensors.acts(tmp_path), tmp_path).faults == [], seed
