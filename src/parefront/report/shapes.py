"""What a figure is drawn of: lines, dots, boxes and labels, in pixels of 1/96 inch from the upper left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Lines:
    """Lines of straight pieces, each through its points."""

    through: Sequence[Sequence[Point]]
    colour: str
    width: float = 1.0


@dataclass(frozen=True)
class Area:
    """What lies inside of a closed line."""

    corners: Sequence[Point]
    colour: str


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    centre: Point
    radius: float
    colour: str


@dataclass(frozen=True)
class Shade:
    """A rectangle that what is below it shines through, and what it means."""

    corner: Point
    width: float
    height: float
    colour: str
    opacity: float
    meaning: str


@dataclass(frozen=True)
class Label:
    """A line of text that begins, ends or has its middle at a point of its base line; ``turned``, it reads upwards."""

    at: Point
    text: str
    anchor: Anchor = "start"
    turned: bool = False


Shape: TypeAlias = Lines | Area | Dot | Shade | Label


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes:
        width, height: of it.
        ink: colour of its texts.
        title: what it shows.
        shapes: the lower ones first.
    """

    width: int
    height: int
    ink: str
    title: str
    shapes: Sequence[Shape]
