"""The artefacts that came over the wire, as files by their digest, of which the most recently used are kept."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ....spaces.files import write_bytes
from ..errors import DeviceError
from .request import Content

MOST_BYTES = 1 << 30
"""Beyond which the least recently used are removed."""


class MissingContents(Exception):
    """Artefacts whose bytes are not here.

    Attributes:
        digests: of these.
    """

    def __init__(self, digests: tuple[str, ...]) -> None:
        super().__init__(digests)
        self.digests = digests


class KeptContents:
    """Files of a folder of its own.

    Args:
        folder: made where there is none; whoever made it removes it.
        most_bytes: beyond which the least recently used are removed, but for those that requests still need.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._needed: Counter[str] = Counter()
        self._mutex = threading.Lock()

    @contextmanager
    def paths(self, artifacts: Sequence[Path | Content]) -> Iterator[list[Path]]:
        """Where these are, and stay until the block ends: paths as they came, contents in the folder.

        Raises:
            MissingContents: where contents came without bytes and are not here; those that came are kept.
            DeviceError: where bytes are not what their digest says.
        """
        with self._mutex:
            contents = [artifact for artifact in artifacts if isinstance(artifact, Content)]
            for content in contents:
                self._keep(content)
            missing = [content.sha256 for content in contents if content.sha256 not in self._sizes]
            if missing:
                raise MissingContents(tuple(dict.fromkeys(missing)))
            self._needed.update(content.sha256 for content in contents)
            self._prune()
        try:
            yield [self._path(each.sha256) if isinstance(each, Content) else each for each in artifacts]
        finally:
            with self._mutex:
                self._needed.subtract(content.sha256 for content in contents)
                self._needed += Counter()  # without those that nobody needs

    def _keep(self, content: Content) -> None:
        if content.sha256 in self._sizes:
            self._sizes.move_to_end(content.sha256)
        elif content.content is not None:
            if hashlib.sha256(content.content).hexdigest() != content.sha256:
                raise DeviceError(
                    f"an artefact came to the device's owner with other bytes than {content.sha256[:12]}…"
                )
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self._path(content.sha256), content.content)
            self._sizes[content.sha256] = len(content.content)

    def _prune(self) -> None:
        total = sum(self._sizes.values())
        for digest in [digest for digest in self._sizes if digest not in self._needed]:
            if total <= self._most_bytes:
                return
            total -= self._sizes.pop(digest)
            self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.onnx"
