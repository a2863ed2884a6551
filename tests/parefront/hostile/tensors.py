"""Hostile safetensors files, as the weights that a user's task loads: made by hand, and by chance from a sound one."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from parefront.config.load import load_task

from ...evaluators.mutations import mutated
from .watch import Act

TASK = """
from pathlib import Path
from safetensors.torch import load_file

def task():
    return load_file(Path(__file__).with_name("weights.safetensors"))
"""
WEIGHT = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
BIAS = {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}


def made(header: Any, data: bytes = bytes(32), length: int | None = None) -> bytes:
    """A file of a header, with the length that it has or another one."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _of(data: bytes = bytes(32), **fields: Any) -> bytes:
    return made({"w": {**WEIGHT, **fields}, "b": BIAS}, data)


SOUND = made({"__metadata__": {"format": "pt"}, "w": WEIGHT, "b": BIAS})
FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "seven bytes": lambda: bytes(7),
    "a header of nothing": lambda: made(b"", b"", 0),
    "a header of 2**63": lambda: made({}, b"", 2**63),
    "a header of 2**64 - 1": lambda: made({}, b"", 2**64 - 1),
    "a header of 99 MB": lambda: made({"w": WEIGHT}, bytes(32), 99_000_000),
    "a header beyond the end": lambda: made({"w": WEIGHT}, b"", 1000),
    "a header too short": lambda: made({"w": WEIGHT, "b": BIAS}, bytes(32), 5),
    "no JSON": lambda: made(b"{", bytes(32)),
    "a list": lambda: made([1]),
    "a number": lambda: made(7),
    "deep": lambda: made(b"[" * 100_000),
    "deep maps": lambda: made(b'{"a":' * 100_000),
    "not UTF-8": lambda: made(b'{"\xff": 1}'),
    "a huge integer": lambda: _of(shape=[10**30]),
    "a terabyte": lambda: _of(shape=[10**6, 10**6]),
    "a shape that overflows": lambda: _of(shape=[2**62, 2**62]),
    "a negative shape": lambda: _of(shape=[-2, -3]),
    "a shape of texts": lambda: _of(shape=["2", "3"]),
    "a thousand axes": lambda: _of(shape=[1] * 1000 + [6]),
    "another shape": lambda: _of(shape=[2, 4]),
    "no shape": lambda: made({"w": {"dtype": "F32", "data_offsets": [0, 24]}}),
    "a type of nobody": lambda: _of(dtype="PICKLE"),
    "no type": lambda: _of(dtype=None),
    "offsets that overlap": lambda: made({"w": WEIGHT, "b": {**BIAS, "data_offsets": [20, 28]}}),
    "the same offsets": lambda: made({"w": WEIGHT, "v": WEIGHT}, bytes(24)),
    "offsets turned round": lambda: _of(data_offsets=[24, 0]),
    "offsets beyond the end": lambda: _of(data_offsets=[10**12, 10**12 + 24]),
    "offsets of 2**64": lambda: _of(data_offsets=[2**64 - 24, 2**64]),
    "negative offsets": lambda: _of(data_offsets=[-24, 0]),
    "a hole": lambda: made({"w": WEIGHT, "b": {**BIAS, "data_offsets": [32, 40]}}, bytes(40)),
    "bytes at the end": lambda: SOUND + bytes(100),
    "bytes missing": lambda: SOUND[:-1],
    "one offset": lambda: _of(data_offsets=[0]),
    "fields of nobody": lambda: _of(extra={"a": "b"}),
    "a name of a module's": lambda: made({"__class__": WEIGHT, "__metadata__": {"a": 1}}, bytes(24)),
    "a name that escapes": lambda: made({"\x1b[2J\x07": {**WEIGHT, "dtype": "\x1b"}}, bytes(24)),
    "a pickle": lambda: b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "a zip of torch": lambda: b"PK\x03\x04" + bytes(500),
    "a million names": lambda: made(
        {f"w{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(20_000)}, b""
    ),
}


def acts(folder: Path) -> Iterator[Act]:
    """Load the task whose weights these are; what it returns is none."""
    yield lambda: load_task("task.py:task", folder)


def prepare(folder: Path, content: bytes) -> None:
    (folder / "task.py").write_text(TASK)
    (folder / "weights.safetensors").write_bytes(content)


def fuzzed(chance: random.Random) -> bytes:
    """A file that is not what it was, in its bytes or in a field of its header."""
    if chance.random() < 0.5:
        return mutated(chance, SOUND)
    header = {"w": dict(WEIGHT), "b": dict(BIAS)}
    one = header[chance.choice("wb")]
    numbers: tuple[Any, ...] = (-1, 0, 1, 2, 6, 24, 2**31, 2**63, 2**64, 1.5, "x", None)
    key = chance.choice(("shape", "data_offsets", "dtype"))
    one[key] = (
        [chance.choice(numbers) for _ in range(chance.randint(0, 3))] if key != "dtype" else chance.choice(numbers)
    )
    return made(header, bytes(chance.choice((0, 24, 32, 33, 4096))))
