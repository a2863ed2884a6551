"""What earlier candidates have computed, kept for those that begin as they did, within a bound of memory."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Recent:
    """A mapping that forgets what was asked for longest ago once it holds too much.

    What is kept depends on the order in which candidates come; what is computed with it must not: a value may only be
    kept under a key from which it follows to the last bit.

    Args:
        most_bytes: that the values may take together.
    """

    def __init__(self, most_bytes: float) -> None:
        self._most, self._held = most_bytes, dict[Hashable, tuple[Any, int]]()
        self.nbytes = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable) -> Any:
        """The value of a key, or None; it counts as asked for last."""
        if key not in self._held:
            return None
        held = self._held[key] = self._held.pop(key)
        return held[0]

    def put(self, key: Hashable, value: Any, nbytes: int) -> None:
        """Keep a value of so many bytes, unless it alone is too large."""
        self._forget(key)
        if nbytes > self._most:
            return
        self._held[key] = value, nbytes
        self.nbytes += nbytes
        while self.nbytes > self._most:
            self._forget(next(iter(self._held)))

    def _forget(self, key: Hashable) -> None:
        if key in self._held:
            self.nbytes -= self._held.pop(key)[1]
