"""A zlib stream read by pieces of known sizes: memory goes by what is asked for, whatever the stream would become."""

from __future__ import annotations

import zlib


class Inflated:
    """What ``data`` decompresses to, from its beginning on."""

    def __init__(self, data: bytes) -> None:
        self._stream = zlib.decompressobj()
        self._waiting = data

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes.

        Raises:
            ValueError: where there are fewer; ``zlib.error`` where ``data`` is not zlib's.
        """
        piece = self._stream.decompress(self._waiting, size) if size else b""
        if size:
            self._waiting = self._stream.unconsumed_tail
        if len(piece) != size:
            raise ValueError(f"a compressed part ends after {len(piece)} of {size} bytes")
        return piece

    def end(self) -> None:
        """Raise ``ValueError`` unless all has been taken and ``data`` ends there."""
        more = self._stream.decompress(self._waiting, 1)
        if more or not self._stream.eof or self._stream.unused_data:
            raise ValueError("a compressed part does not end where it should")
