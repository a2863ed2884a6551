"""Files are there whole or not at all, and what is read is a regular file and nothing else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from parefront.spaces.files import UnreadableFile, append_text, clear_unfinished, read_bytes, read_json, write_bytes


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    write_bytes(tmp_path / "link", b"content")
    assert (tmp_path / "link").read_bytes() == b"content"
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "other").read_text() == "mine"


def test_what_is_written_is_flushed_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    write_bytes(tmp_path / "file", b"content")
    assert len(flushed) == 1


def test_all_is_written_however_little_the_system_takes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content[:3])))
    write_bytes(tmp_path / "file", b"0123456789")
    append_text(tmp_path / "file", "abcdefgh")
    assert (tmp_path / "file").read_bytes() == b"0123456789abcdefgh"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_machine_that_fails_is_not_taken_for_a_damaged_file(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", fails)
    with pytest.raises(OSError, match=os.strerror(error)) as told:
        append_text(tmp_path / "log.txt", "more")
    assert told.value.errno == error


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "nothing"])
def test_anything_but_a_regular_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "path"
    if kind == "link":
        (tmp_path / "secret").write_text("secret")
        path.symlink_to(tmp_path / "secret")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UnreadableFile, match=f"{path}: expected a regular file, got"):
        read_bytes(path)
    if kind != "nothing":
        with pytest.raises(UnreadableFile):
            append_text(path, "more")


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": NaN}', "[" * 100_000, "\xff"])
def test_what_is_no_strict_json_mapping_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableFile, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_half_written_files_are_cleared_and_links_not_walked(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for place in (outside, folder / "inner"):
        place.mkdir(parents=True)
        (place / ".a.onnx.12.tmp").write_text("half")
        (place / "a.onnx").write_text("whole")
    (folder / "link").symlink_to(outside)
    clear_unfinished(folder)
    assert [path.name for path in (folder / "inner").iterdir()] == ["a.onnx"]
    assert len(list(outside.iterdir())) == 2


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(5 * 2**40)
    with pytest.raises(UnreadableFile, match=f"{path}: expected a file of at most 1 KB, got 5120 GB"):
        read_bytes(path, 1024)
    with pytest.raises(UnreadableFile, match="at most 64 MB"):
        read_json(path)


def test_a_file_of_no_size_is_not_read_for_ever() -> None:
    with pytest.raises(UnreadableFile, match="expected a file of at most 10 bytes"):
        read_bytes(Path("/proc/self/status"), 10)


@pytest.mark.parametrize("place", ["/dev/zero", "pipe", "folder", "nowhere"])
def test_links_are_followed_to_files_alone(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert read_bytes(tmp_path / "link", follow=True) == b"content"
    (tmp_path / "other").symlink_to(tmp_path / place)
    with pytest.raises(UnreadableFile, match="expected a regular file, got"):
        read_bytes(tmp_path / "other", follow=True)


def test_what_would_control_a_terminal_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "\\u001b[2J\\u009b\x9b\u202e\\u202E", "b": "\\\\u001b \\n é", "c": "\\\\\\u0007"}')
    assert read_json(path) == {"a": "�[2J����", "b": "\\u001b \n é", "c": "\\�"}
