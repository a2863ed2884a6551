"""Where a file that a user asks for is written: its suffix must not claim another format than it has."""

from __future__ import annotations

from pathlib import Path

from ...spaces.errors import ConfigError

FORMATS = {".onnx": "an ONNX model", ".pfz": "a packed ONNX model, to be run after `parefront unpack`"}
"""What is written, by suffix."""


def destination(path: str | Path, setting: str, *suffixes: str) -> Path:
    """``path``, where it is a file's and has one of ``suffixes`` of :data:`FORMATS`, in any case, or none.

    Args:
        path: what a user has given.
        setting: how a message names it.
        suffixes: of the formats that can be written, the one of a path without a suffix first.

    Raises:
        ConfigError: for a folder, or another suffix.
    """
    target = Path(path)
    if target.is_dir():
        example = target / f"model{suffixes[0]}"
        raise ConfigError(f"{setting}: expected a file name such as {example}, got the folder {target}")
    if target.suffix and target.suffix.lower() not in suffixes:
        written = " or ".join(f"{suffix} ({FORMATS[suffix]})" for suffix in suffixes)
        raise ConfigError(f"{setting}: expected a file name that ends in {written}, got {target.name}")
    return target
