"""Files that are either there whole or not at all: written aside, flushed to disk, renamed into place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at ``path``: a reader, or a kill of this process, finds the old content or the whole new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON: a number that is not finite raises ``ValueError``, it has no JSON."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")
