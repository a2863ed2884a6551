"""Where names stand in a figure, so that they hide neither marks nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .shapes import Anchor, Label

LETTER, LINE = 6.5, 13
"""About as wide and as high as a letter of a figure is, in its pixels."""
OUTSIDE = 10
"""How many times as bad it is to be cut by the edge as to hide something."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass
class Labels:
    """What of a figure is taken, and the best place that is left.

    Attributes:
        area: that names are to be in.
        taken: boxes of what is not to be hidden.
    """

    area: Box
    taken: list[Box] = field(default_factory=list)

    def mark(self, x: float, y: float, half: float) -> None:
        """Keep free what is around a point."""
        self.taken.append((x - half, y - half, x + half, y + half))

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Keep free a line along an axis."""
        self.taken.append((min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1))

    def beside(self, x: float, y: float, half: float, text: str) -> Label:
        """A name beside a mark, of which half is so large, where it hides least; that place is taken then.

        The nearer of places that hide equally little is taken.
        """
        gap = half + 3
        candidates: Sequence[tuple[float, float, Anchor]] = [
            (x - gap if anchor == "end" else x + gap, y + down, anchor)
            for down in (gap + 8, -gap, gap + 21, -gap - 13, 4)
            for anchor in _ANCHORS
        ]
        boxes = [_box(*candidate, text) for candidate in candidates]
        best = min(range(len(boxes)), key=lambda index: self._hidden(boxes[index]))
        self.taken.append(boxes[best])
        across, down, anchor = candidates[best]
        return Label((across, down), text, anchor)

    def _hidden(self, box: Box) -> float:
        outside = (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, self.area)
        return sum(_shared(box, one) for one in self.taken) + OUTSIDE * outside


_ANCHORS: tuple[Anchor, Anchor] = ("start", "end")


def _box(x: float, y: float, anchor: Anchor, text: str) -> Box:
    length = LETTER * len(text)
    left = x - length if anchor == "end" else x
    return left, y - LINE + 3, left + length, y + 3


def _shared(one: Box, other: Box) -> float:
    """The area that two boxes have in common."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)
