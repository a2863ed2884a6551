"""What is made once a search and kept beside its artefacts, and what other processes that evaluate for it need, too."""

from __future__ import annotations

from pathlib import Path

from ...spaces.files import read_bytes, write_bytes

PREPARED = "prepared-{}.safetensors"
"""Weights that were trained before the first candidate, by the method that they are for."""


def shared_files(artifacts: Path) -> list[Path]:
    """Those in a search's folder: what candidates are timed against, one file a device, and what was trained."""
    return sorted([*artifacts.glob("anchors*.json"), *artifacts.glob(PREPARED.format("*"))])


def take_prepared(there: Path, artifacts: Path) -> None:
    """Copy what was trained in the run with its artefacts ``there`` into another one of the same methods and task."""
    for file in there.glob(PREPARED.format("*")):
        if not (artifacts / file.name).is_file():
            write_bytes(artifacts / file.name, read_bytes(file))
