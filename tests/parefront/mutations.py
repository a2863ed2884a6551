"""Runs whose files were damaged, by chance: what a disk, an editor or someone else's hands do to a folder."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 3, 2**70, 1e308, -0.5, "", "x", "../../etc/passwd", "/etc/passwd", "\0", "é" * 300),
    *([], {}, [[]], {"a": {}}, [1, "a"], "nan", "trials", "0" * 64, float("nan"), float("inf")),
)


def mutate(run: Path, outside: Path, chance: random.Random) -> str:
    """Damage one or two files of a run; links lead to ``outside``. What was done, in words."""
    return "; ".join(_mutated(run, outside, chance) for _ in range(chance.choice((1, 1, 2))))


def _mutated(run: Path, outside: Path, chance: random.Random) -> str:
    files = sorted(path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
    kinds = chance.choice((lambda p: True, lambda p: p.suffix == ".json", lambda p: p.parent == run))
    path = chance.choice([file for file in files if kinds(file)] or files)
    way = chance.choice((_truncate, _flip, _fields, _fields, _fields, _swap, _link, _folder, _remove, _junk))
    return f"{path.relative_to(run)}: {way(path, files, outside, chance)}"


def _truncate(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    length = chance.randrange(max(1, path.stat().st_size))
    os.truncate(path, length)
    return f"cut to {length} bytes"


def _flip(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes() or b" ")
    for _ in range(chance.choice((1, 3, 30))):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(bytes(content))
    return "bytes flipped"


def _fields(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    """Delete or replace a value somewhere inside of a JSON file."""
    try:
        document = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError):
        return _flip(path, files, outside, chance)
    if not isinstance(document, dict | list):
        return _flip(path, files, outside, chance)
    holder, keys = document, list[Any]()
    while True:
        found = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not found:
            break
        key = chance.choice(found)
        keys.append(key)
        if not isinstance(holder[key], dict | list) or not holder[key] or chance.random() < 0.25:
            break
        holder = holder[key]
    if not keys or len(holder) == 0:
        return "nothing"
    if chance.random() < 0.3:
        del holder[keys[-1]]
        done = "deleted"
    else:
        holder[keys[-1]] = chance.choice(VALUES)
        done = f"set to {holder[keys[-1]]!r:.40}"
    path.write_text(json.dumps(document))
    return f"{'.'.join(map(str, keys))} {done}"


def _swap(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    other = chance.choice(files)
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its)
    other.write_bytes(mine)
    return f"swapped with {other.name}"


def _link(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    if chance.random() < 0.3 and path.parent.name in ("trials", "artifacts", "final", "beside"):
        path = path.parent
        shutil.rmtree(path)
        path.symlink_to(outside)
        return "the folder became a link"
    path.unlink()
    path.symlink_to(chance.choice((outside / "secret", outside, outside / "nothing", Path("/dev/zero"), path)))
    return "became a link"


def _folder(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    path.unlink()
    path.mkdir()
    if chance.random() < 0.5:
        (path / "in").write_text("x")
    return "became a folder"


def _remove(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    path.unlink()
    return "removed"


def _junk(path: Path, files: list[Path], outside: Path, chance: random.Random) -> str:
    make: Callable[[], bytes] = chance.choice(
        (
            lambda: b"",
            lambda: b"[" * 100_000,
            lambda: b"{}",
            lambda: b"null",
            lambda: b'{"trial": 1e400}',
            lambda: b"a: &a [*a]",
            lambda: b"2020-99-99: 1",
            lambda: chance.randbytes(200),
        )
    )
    path.write_bytes(make())
    return "junk"
