"""What artefacts hold, as their SHA-256, and which runtime they are for: each read once as long as its file stays."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...spaces.files import stamp_of
from ..storage.provenance import runtime_of_file


class Digests:
    """Remembers the digests of files by their paths and stamps."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path | int, ...], str] = {}
        self._runtimes: dict[str, str] = {}

    def of(self, artifact: Path) -> str:
        """The digest of what the file holds, in hexadecimal digits."""
        key = (artifact.absolute(), *stamp_of(artifact))
        if key not in self._known:
            with artifact.open("rb") as content:
                self._known[key] = hashlib.file_digest(content, "sha256").hexdigest()
        return self._known[key]

    def runtime_of(self, artifact: Path) -> str:
        """The runtime that the file says it is for; ``""`` where it says nothing."""
        digest = self.of(artifact)
        if digest not in self._runtimes:
            self._runtimes[digest] = runtime_of_file(artifact.read_bytes())
        return self._runtimes[digest]
