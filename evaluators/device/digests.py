"""SHA-256 of artefacts, each read once as long as its file stays what it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...spaces.files import stamp_of


class Digests:
    """Remembers the digests of files by their paths and stamps."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path | int, ...], str] = {}

    def of(self, artifact: Path) -> str:
        """The digest of what the file holds, in hexadecimal digits."""
        key = (artifact.absolute(), *stamp_of(artifact))
        if key not in self._known:
            with artifact.open("rb") as content:
                self._known[key] = hashlib.file_digest(content, "sha256").hexdigest()
        return self._known[key]
