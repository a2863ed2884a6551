"""When a device was read, kept until somebody asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..results.span import Span

MOST_READINGS = 256
"""Of which a device remembers when they were, until somebody asks."""


class Readings:
    """The last :data:`MOST_READINGS` readings of a device since they were last taken."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque(maxlen=MOST_READINGS)

    def add(self, spans: Iterable[Span]) -> None:
        self._spans.extend(spans)

    def take(self) -> tuple[Span, ...]:
        """Those that there are, which are forgotten."""
        taken = tuple(self._spans)
        self._spans.clear()
        return taken
