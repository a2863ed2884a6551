"""Files are read once, and again where they have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parefront.search.runs.stores.read_once import ReadOnce
from parefront.spaces.files import UnreadableFile, read_bytes, write_text


class Counting:
    """Reads a file and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, path: Path) -> str:
        self.times += 1
        return read_bytes(path).decode()


def test_a_file_is_read_once_and_again_where_it_was_replaced(tmp_path: Path) -> None:
    read = Counting()
    once = ReadOnce(read)
    write_text(tmp_path / "a", "one")
    assert [once.of(tmp_path / "a") for _ in range(3)] == ["one"] * 3
    assert read.times == 1
    write_text(tmp_path / "a", "two")
    assert [once.of(tmp_path / "a"), once.of(tmp_path / "a")] == ["two", "two"]
    assert read.times == 2


def test_what_takes_its_place_or_is_gone_is_noticed(tmp_path: Path) -> None:
    once = ReadOnce(Counting())
    write_text(tmp_path / "a", "one")
    write_text(tmp_path / "b", "one")
    assert once.all_in([tmp_path / "a", tmp_path / "b"]) == ["one", "one"]
    (tmp_path / "a").unlink()
    with pytest.raises(UnreadableFile):
        once.of(tmp_path / "a")
    os.symlink(tmp_path / "b", tmp_path / "a")
    with pytest.raises(UnreadableFile, match="symbolic link"):
        once.of(tmp_path / "a")
    assert once.all_in([tmp_path / "b"]) == ["one"]


def test_what_this_process_has_written_is_not_read(tmp_path: Path) -> None:
    read = Counting()
    once = ReadOnce(read)
    write_text(tmp_path / "a", "one")
    once.keep(tmp_path / "a", "as it was in memory")
    assert once.of(tmp_path / "a") == "as it was in memory"
    assert read.times == 0
