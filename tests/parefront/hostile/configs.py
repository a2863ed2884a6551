"""Hostile configs: made by hand, and by chance from a sound one."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from parefront.config.schema import load_config
from parefront.search.runs.run import Run
from parefront.session import Job

from ...evaluators.mutations import mutated
from .watch import Act

SOUND = """\
task: task.py:task
objectives: [accuracy, latency, size]
budget: ["latency <= 0.5x", "size <= 300KB"]
compress:
  prune_channels: {criterion: l1, ratios: [0, 0.25, 0.5], round_to: 8}
  quantize: {bits: [32, 8]}
  low_rank:
device: {command: [ssh, pi@raspberry], threads: 2, provider_options: {CPUExecutionProvider: {arena: "1"}}}
latency: {min_samples: 16, min_seconds: 0.1, max_seconds: 0.5}
search: {sampler: random, sampler_options: {}, trials: 12, minutes: 3.5, seed: 0, storage: null}
callbacks: [markdown]
"""
MB = 1 << 20


def laughs(levels: int = 12) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merges(levels: int = 40) -> str:
    lines = ["a0: &a0 {x: 1}"]
    return "\n".join([*lines, *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels))])


def keyed(value: str) -> dict[str, str]:
    """A value that cannot be in the place of each of several keys."""
    places = {
        "task": "task: {}",
        "trials": "task: t.py:t\nsearch: {{trials: {}}}",
        "objectives": "task: t.py:t\nobjectives: {}",
        "command": "task: t.py:t\ndevice: {{command: {}, threads: 0}}",
        "compress": "task: t.py:t\ncompress: {{quantize: {}}}",
        "devices": "task: t.py:t\ndevices: {{x: {}}}",
    }
    return {f"{key} is {value[:20]!r}": text.format(value) for key, text in places.items()}


TEXTS: dict[str, str | bytes] = {
    "nothing": "",
    "only a comment": "# nothing",
    "a text": "task",
    "a list": "- task: task.py:task",
    "a number": "7",
    "a billion laughs": laughs(),
    "laughs in a value": laughs() + "\ntask: *a11\n",
    "merges of merges": merges(),
    "an alias of itself": "task: &a [*a]",
    "a mapping in itself": "&a task: x\nb: &b {c: *b}",
    "an alias of nothing": "task: *nothing",
    "a key that is itself": "? &a [*a]\n: x",
    "a tag that calls": "task: !!python/object/apply:os.system ['touch owned']",
    "a tag that makes": "task: !!python/object/new:subprocess.Popen [[touch, owned]]",
    "a tag that imports": "task: !!python/module:os",
    "a tag that names": "task: !!python/name:os.system",
    "a tag of nobody": "task: !secret x",
    "a tag on everything": "!!python/object:os.system {task: x}",
    "a set": "task: !!set {x, y}",
    "binary": "task: !!binary c2VjcmV0",
    "an ordered map": "task: !!omap [a: 1]",
    "a float that is none": "search: {minutes: !!float x}",
    "an integer that is none": "search: {trials: !!int x}",
    "a truth that is none": "search: {racing: !!bool maybe}",
    "deep lists": "task: " + "[" * 100_000,
    "deep maps": "task: " + "{a: " * 50_000,
    "deep blocks": "\n".join(" " * n + "a:" for n in range(1000)),
    "deep dashes": "task:\n  " + "- " * 5000 + "x",
    "deep tuples of keys": "? " * 5000,
    "an integer of 5000 digits": "task: t.py:t\nsearch: {trials: " + "9" * 5000 + "}",
    "an integer of base 60": "task: t.py:t\nsearch: {trials: " + ":".join(["59"] * 5000) + "}",
    "a date that cannot be": "task: 2020-99-99\nsearch: 2020-99-99",
    "a key twice": "task: a.py:a\ntask: b.py:b",
    "a section twice": "task: t.py:t\nsearch: {trials: 3}\nsearch: {trials: 4}",
    "a key that is a list": "[a, b]: c",
    "a key that is nothing": "~: 1\ntask: x",
    "a key that is a number": "1: 1\ntask: t.py:t",
    "a key that escapes": '"\\e[2J\\x07": 1\ntask: t.py:t',
    "a key of two lines": '"a\\nb": 1\ntask: t.py:t',
    "a very long key": "k" * 100_000 + ": 1\ntask: t.py:t",
    "a very long value": "task: t.py:t\nsearch: {sampler: " + "x" * 500_000 + "}",
    "many unknown keys": "".join(f"k{n}: {n}\n" for n in range(5000)),
    "many budgets": "task: t.py:t\nbudget: [" + "latency, " * 10_000 + "x]",
    "more than a megabyte": "task: t.py:t\n" + "# x\n" * MB,
    "two documents": "task: a.py:a\n---\ntask: b.py:b",
    "a directive of nobody": "%YAML 9.9\n---\ntask: t.py:t",
    "a tab": "task:\n\t- x",
    "an open quote": "task: 'x",
    "an open list": "task: [a, b",
    "NUL": b"task: \0",
    "NULs": bytes(5000),
    "latin-1": "task: é".encode("latin-1"),
    "UTF-16": "task: x".encode("utf-16"),
    "half a character": b"task: \xe2\x82",
    "surrogates": b"task: \xed\xa0\x80",
    "a bell": b"task: \x07",
    "an escape": b"task: \x1b[2J",
    "random bytes": random.Random(0).randbytes(4096),
    "an ELF": b"\x7fELF" + bytes(1000),
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "a budget of code": "task: t.py:t\nbudget: ['__import__(\"os\").system(\"id\") <= 1']",
    "a budget of a huge number": "task: t.py:t\nbudget: ['latency <= " + "9" * 5000 + "x']",
    "a budget that backtracks": "task: t.py:t\nbudget: ['" + "latency " * 5000 + "<']",
    "a sampler of code": "task: t.py:t\nsearch: {sampler: 'os.system'}",
    "a compressor of code": "task: t.py:t\ncompress: {'os:system': {}}",
    "a device of a strange name": "task: t.py:t\ndevices: {'../../x': {}}",
    "infinite seconds": "task: t.py:t\nlatency: {max_seconds: .inf}",
    "seconds that are no number": "task: t.py:t\nlatency: {min_seconds: .nan}",
    "negative seconds": "task: t.py:t\ndevice: {deadline_seconds: -.inf}",
    "a variable that is not there": "task: t.py:t\nsearch: {storage: '${SURELY_NOT_SET_ANYWHERE}'}",
    "a masked secret": "task: t.py:t\nsearch: {storage: 'postgresql://me:***@host/db'}",
    **keyed("[[[[]]]]"),
    **keyed("{a: {b: {c: d}}}"),
    **keyed("-1.5e+308"),
}  # fmt: skip


def _linked(path: Path, target: str) -> None:
    path.symlink_to(target)


def _large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(100 * MB)


PLACES: dict[str, Callable[[Path], None]] = {
    "/dev/zero": lambda path: _linked(path, "/dev/zero"),
    "/dev/random": lambda path: _linked(path, "/dev/random"),
    "/dev/full": lambda path: _linked(path, "/dev/full"),
    "a link to itself": lambda path: _linked(path, path.name),
    "a link to nothing": lambda path: _linked(path, "nothing"),
    "a link to /proc/self/mem": lambda path: _linked(path, "/proc/self/mem"),
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "100 MB": _large,
    "nothing there": lambda path: None,
}
"""What stands in the place of the config."""


def acts(path: Path, folder: Path) -> Iterator[Act]:
    """Read a config, and write it into a run, from which it is read again."""

    def accept() -> None:
        config = load_config(path)
        job = Job.from_file(config, path, None, folder)
        run = Run.create(folder / "run", job.settings, folder)
        assert Run.open(run.path).config is not None

    yield accept


VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1e308, float("inf"), float("nan"), "", "x", "\0", "\x1b[2J", "../../etc/passwd"),
    *("${HOME}", "***", "a: b", "é" * 300, [], {}, [[]], {"a": {}}, [1, "a"], [None], "1e400", "9" * 5000, "yes"),
)
FRAGMENTS = (
    "&a ", "*a", "!!set ", "!!python/object/apply:os.system ", "<<: *a", "[", "]", "{", "}", ": ", "- ",
    "? ", "|", ">", "'", '"', "#", "%", "@", "`", "---", "...", "\n", "  ", "\t", "9" * 50, "2020-13-45",
    ".inf", "0x", "~", "\\x00", "é", "\ufeff",
)  # fmt: skip


def fuzzed(chance: random.Random) -> bytes:
    """A config that is not what it was."""
    return chance.choice((_bytes, _spliced, _values, _values, _lines))(chance)


def _bytes(chance: random.Random) -> bytes:
    return mutated(chance, SOUND.encode())


def _spliced(chance: random.Random) -> bytes:
    text = SOUND
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(FRAGMENTS) + text[place + chance.choice((0, 0, 1, 5)) :]
    return text.encode()


def _values(chance: random.Random) -> bytes:
    document = yaml.safe_load(SOUND)
    for _ in range(chance.randint(1, 3)):
        holder: Any = document
        key: Any = chance.choice(list(holder))
        while isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.8:
            holder = holder[key]
            key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if isinstance(holder, dict) and chance.random() < 0.2:
            holder[chance.choice(("x", "trails", 7, "\x1b", "a\nb", ""))] = holder.pop(key)
        else:
            holder[key] = chance.choice(VALUES)
    return yaml.safe_dump(document, allow_unicode=chance.random() < 0.5).encode()


def _lines(chance: random.Random) -> bytes:
    lines = SOUND.splitlines(keepends=True)
    for _ in range(chance.randint(1, 3)):
        first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[first] = chance.choice((lines[second], "", lines[first] * 2, " " + lines[first], lines[first][:5] + "\n"))
    return "".join(lines).encode()
