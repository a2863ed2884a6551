"""Entry points of other packages are found, and read once for each list of places where packages may be."""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path

import pytest

from parefront.spaces.installed import entry_points

GROUP = "parefront.compressors"


def test_they_are_those_of_the_standard_library() -> None:
    assert set(entry_points(GROUP)) == set(importlib.metadata.entry_points(group=GROUP))
    assert [point.name for point in entry_points(GROUP, "quantize")] == ["quantize"]
    assert entry_points(GROUP, "nobody") == ()


def test_what_comes_to_the_path_is_found_and_what_leaves_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "another-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nanother = another:Method\n")
    before = entry_points(GROUP)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        assert [point.value for point in entry_points(GROUP, "another")] == ["another:Method"]
    assert entry_points(GROUP) == before


def test_metadata_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = entry_points(GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", None)
    assert entry_points(GROUP) is found


def test_what_was_installed_meanwhile_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        assert entry_points(GROUP, "later") == ()
        info = tmp_path / "later-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: later\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nlater = later:Method\n")
        importlib.invalidate_caches()
        assert [point.value for point in entry_points(GROUP, "later")] == ["later:Method"]
