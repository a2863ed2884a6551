"""Hostile folders of runs: each of their files replaced by what it must not be, and files changed by chance."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from parefront.cli import export, front
from parefront.search.controller import search
from parefront.search.runs.listing import summary_of
from parefront.search.runs.run import Run
from parefront.spaces.limits import JSON_BYTES

from ..conftest import FormulaEvaluator
from .watch import Act

CONFIG: dict[str, Any] = {
    "task": "given in Python",
    "objectives": ["accuracy", "latency"],
    "budget": ["latency <= 0.9x"],
    "search": {"sampler": "random", "trials": 4, "seed": 0},
}
FILES = ("config.yaml", "baseline.json", "environment.json", "front.json", "trials/000000.json", "final/baseline.json")
"""Those that show what is read: one of each kind."""
SECRET = "what nobody may see"


def made(root: Path) -> Path:
    """The folder of a finished run."""
    run = Run.create("sound", CONFIG, root=root)
    search(run, FormulaEvaluator())
    return run.path


def outside_of(folder: Path) -> Path:
    """A folder beside the run that no run may read or change."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    (outside / "secret.json").write_text(json.dumps({"trial": SECRET}))
    return outside


def untouched(outside: Path) -> bool:
    found = {path.name: path.read_text() for path in outside.iterdir()}
    return found == {"secret": SECRET, "secret.json": json.dumps({"trial": SECRET})}


def acts(run: Path, folder: Path, resume: bool = False) -> Iterator[Act]:
    """All that reads a run; and goes on with it, where ``resume`` says so."""
    yield lambda: summary_of(run)
    yield lambda: front.show_front(str(run), (), True)
    yield lambda: export.export_model(str(run), folder / "exported" / "out.onnx", (), None, "accuracy")
    if resume:
        yield lambda: front.show_front(str(run), (), False)
        yield lambda: _go_on(run)


def within(run: Path, folder: Path) -> tuple[Path, Path]:
    """Where reading and going on with a run may write."""
    return run, folder / "exported"


def _go_on(run: Path) -> None:
    opened = Run.resume_or_create(run, {**CONFIG, "search": {**CONFIG["search"], "trials": 6}})
    search(opened, FormulaEvaluator(), raise_errors=True)


def remove(run: Path) -> None:
    if run.is_symlink() or not run.is_dir():
        run.unlink()
    else:
        shutil.rmtree(run)


Place = Callable[[Path, Path], None]
"""What is put in the place of a file, given a folder outside of the run."""


def _holding(content: bytes) -> Place:
    return lambda path, outside: _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _large(path: Path, outside: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(JSON_BYTES + 1)


def _with(**fields: Any) -> Place:
    """The file's own mapping with other values."""

    def place(path: Path, outside: Path) -> None:
        held = json.loads(path.with_name(path.name + ".kept").read_text()) if path.suffix == ".json" else {}
        path.write_text(json.dumps({**held, **fields}))

    return place


PLACES: dict[str, Place] = {
    "a link to a secret": lambda path, outside: path.symlink_to(outside / "secret"),
    "a link to JSON": lambda path, outside: path.symlink_to(outside / "secret.json"),
    "a link to a folder": lambda path, outside: path.symlink_to(outside),
    "a link to itself": lambda path, outside: path.symlink_to(path),
    "a link to /dev/zero": lambda path, outside: path.symlink_to("/dev/zero"),
    "a pipe": lambda path, outside: os.mkfifo(path),
    "a folder": lambda path, outside: path.mkdir(),
    "too large": _large,
    "empty": _holding(b""),
    "deep": _holding(b'{"a":' * 100_000),
    "deep lists": _holding(b"[" * 1_000_000),
    "a list": _holding(b"[1]"),
    "a huge integer": _holding(b'{"trial": ' + b"9" * 5000 + b"}"),
    "not a number": _holding(b'{"seconds": NaN}'),
    "not UTF-8": _holding(b'{"a": "\xff"}'),
    "a pickle": _holding(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."),
    "controls": _holding(b'{"trial": "\\u001b[2J\\u0007", "state": "\\u009b31m"}'),
    "other fields": _with(
        trial=2**70, seconds=-1e308, state="\x1b[2J", policy={"\x1b": {"x": 1}}, metrics=[], digest=""
    ),
}
NAMES = [(file, place) for file in FILES for place in PLACES]

ARTIFACTS = (
    "/etc/passwd",
    "../outside/secret",
    "../../etc/passwd",
    "artifacts/../../outside/secret",
    "artifacts/..",
    "..",
    ".",
    "",
    "artifacts",
    "trials/000000.json",
    "config.yaml",
    "/dev/zero",
    "/proc/self/environ",
    "a" * 5000,
    "\0",
    "artifacts/\0.onnx",
    "linked/secret",
    "linked",
    "C:\\x",
    "~/x",
    "${HOME}",
    "artifacts//../..//outside/secret",
    "\x1b[2J",
    "artifacts/pipe",
    "artifacts/device",
    "artifacts/link",
    "file:///etc/passwd",
    "http://localhost/x",
    7,
    ["x"],
    {"a": "b"},
)
"""What a record may say that its artefact is."""


def with_artifact(run: Path, outside: Path, artifact: Any) -> None:
    """Every record of a run says that its artefact is this one."""
    (run / "linked").symlink_to(outside)
    os.mkfifo(run / "artifacts" / "pipe")
    (run / "artifacts" / "device").symlink_to("/dev/zero")
    (run / "artifacts" / "link").symlink_to(outside / "secret")
    for path in [*run.glob("trials/*.json"), *run.glob("final/*.json"), run / "baseline.json"]:
        path.write_text(json.dumps({**json.loads(path.read_text()), "artifact": artifact}))


PARTS: dict[str, Place] = {
    "trials leads out": lambda run, outside: _replaced(run / "trials", outside),
    "artifacts leads out": lambda run, outside: _replaced(run / "artifacts", outside),
    "final leads out": lambda run, outside: _replaced(run / "final", outside),
    "trials is a file": lambda run, outside: _file(run / "trials"),
    "the lock leads out": lambda run, outside: _replaced(run / ".lock", outside / "secret"),
    "the lock is a pipe": lambda run, outside: _pipe(run / ".lock"),
    "the lock is a folder": lambda run, outside: _folder(run / ".lock"),
    "the log leads out": lambda run, outside: _replaced(run / "log.txt", outside / "secret"),
    "the log is a pipe": lambda run, outside: _pipe(run / "log.txt"),
    "the log leads nowhere": lambda run, outside: _replaced(run / "log.txt", outside / "new"),
    "the study leads out": lambda run, outside: _replaced(run / "study.db", outside / "secret"),
    "the study leads nowhere": lambda run, outside: _replaced(run / "study.db", outside / "new.db"),
    "the study is a pipe": lambda run, outside: _pipe(run / "study.db"),
    "the study is a folder": lambda run, outside: _folder(run / "study.db"),
    "the study is a device": lambda run, outside: _replaced(run / "study.db", Path("/dev/zero")),
    "its journal leads out": lambda run, outside: _replaced(run / "study.db-journal", outside / "secret"),
    "its log leads out": lambda run, outside: _replaced(run / "study.db-wal", outside / "secret"),
    "the probes lead out": lambda run, outside: _replaced(run / "probes.json", outside / "secret.json"),
    "the front's table leads out": lambda run, outside: _replaced(run / "front.csv", outside / "secret"),
    "what is written aside leads out": lambda run, outside: _replaced(
        run / f".front.json.{os.getpid()}.tmp", outside / "secret"
    ),
    "a record of a long name": lambda run, outside: _write(run / "trials" / ("0" * 240 + ".json"), b"{}"),
    "a record of no number": lambda run, outside: _write(run / "trials" / "0x.json", b"{}"),
    "a record that is a folder": lambda run, outside: _folder(run / "trials" / "000900.json"),
    "an artefact leads out": lambda run, outside: _each(run, lambda p: p.symlink_to(outside / "secret")),
    "artefacts are pipes": lambda run, outside: _each(run, os.mkfifo),
    "artefacts are devices": lambda run, outside: _each(run, lambda p: p.symlink_to("/dev/zero")),
}


WRITTEN = ("the lock", "the log", "the study", "its log", "the front's table", "what is written aside")
"""How the names of those begin that show themselves when the run is gone on with."""


def _each(run: Path, put: Callable[[Path], None]) -> None:
    """Put something in the place of every artefact."""
    for path in run.glob("artifacts/*.onnx"):
        path.unlink()
        put(path)


def _replaced(path: Path, target: Path) -> None:
    _gone(path)
    path.symlink_to(target)


def _pipe(path: Path) -> None:
    _gone(path)
    os.mkfifo(path)


def _folder(path: Path) -> None:
    _gone(path)
    path.mkdir()


def _file(path: Path) -> None:
    _gone(path)
    path.write_text("x")


def _gone(path: Path) -> None:
    if os.path.lexists(path):
        remove(path)
