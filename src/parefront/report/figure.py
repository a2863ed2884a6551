"""The front as a figure for a paper: an SVG file, or a PNG."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.measurement import Measurement
from ..search.runs.run import Run
from ..spaces.errors import ConfigError
from ..spaces.files import write_bytes, write_text
from .axes import Axis, axes_of
from .document import Bound, Report
from .labels import Labels
from .png import png_of
from .scale import Scale, tick_text
from .shapes import Anchor, Area, Dot, Drawing, Label, Lines, Point, Shade, Shape
from .svg import svg_of

WIDTH, HEIGHT = 640, 400
"""Of the figure, in pixels of 1/96 inch."""
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 46
ARROW = 3
"""Half as wide as the head of an interval that goes on."""
FRONT, CLOUD, KNOWN, CHOSEN, INK, GRID = "#0b6e4f", "#8c959f", "#6639ba", "#b3400f", "#1b1f24", "#e1e4e8"


def write_figure(run: Run, path: Path) -> Path:
    """The first two objectives of a run as an SVG or PNG file: front, intervals, other trials, landmarks, budgets.

    Raises:
        ConfigError: where the path ends in neither ``.svg`` nor ``.png``.
        ParefrontError: as :meth:`Report.of`.
    """
    kind = path.suffix.lower()
    if kind not in (".svg", ".png"):
        raise ConfigError(f"--figure: expected a file that ends in .svg or .png, got {path}")
    figure = figure_of(run.front, Report.of(run))
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == ".svg":
        write_text(path, svg_of(figure))
    else:
        write_bytes(path, png_of(figure))
    return path


def figure_of(front: Front, report: Report) -> Drawing:
    """What is drawn. Its range is that of the useful members and the landmarks; what lies outside is not drawn."""
    trials = [record.candidate for record in report.records if record.candidate is not None]
    named = {axis.key: axis for axis in axes_of(front, trials)}
    vertical, horizontal = (named[metric.key] for metric in front.objectives[:2])
    known = [(mark.short_name, mark.candidate) for mark in report.known]
    useful = [member for member in front if member.trial in report.useful] or list(front)
    framed = [
        candidate for candidate in (*useful, *(mark for _, mark in known)) if _has(candidate, horizontal, vertical)
    ]
    plot = _Plot(
        Scale.around([one.metrics[horizontal.key] for one in framed], LEFT, WIDTH - RIGHT),
        Scale.around([one.metrics[vertical.key] for one in framed], HEIGHT - BOTTOM, TOP),
        horizontal,
        vertical,
    )
    members = {candidate.trial for candidate in front}
    plot.budgets(report.bounds)
    plot.axes()
    plot.cloud(candidate for candidate in trials if candidate.trial not in members)
    plot.landmarks(known, report.selected)
    plot.front(list(front), report.selected, joined=len(front.objectives) == 2)
    plot.names(known, report.selected)
    title = f"{vertical.label} over {horizontal.label} of the run {report.name}"
    return Drawing(WIDTH, HEIGHT, INK, title, plot.drawn)


def _half(candidate: Candidate, chosen: int | None) -> float:
    """Of the diamond of a landmark."""
    return 7.5 if candidate.trial is not None and candidate.trial == chosen else 6.0


def _has(candidate: Candidate, *axes: Axis) -> bool:
    return all(axis.key in candidate.metrics for axis in axes)


@dataclass
class _Plot:
    """What is drawn so far, and where values are in the figure."""

    x: Scale
    y: Scale
    horizontal: Axis
    vertical: Axis
    drawn: list[Shape] = field(default_factory=list)
    labels: Labels = field(default_factory=lambda: Labels((LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)))

    def axes(self) -> None:
        x, y = self.x, self.y
        for value in x.ticks(6):
            self._line(x.at(value), TOP, x.at(value), HEIGHT - BOTTOM, GRID)
            self._text(x.at(value), HEIGHT - BOTTOM + 16, tick_text(value, x.step(6), self.horizontal.unit), "middle")
        for value in y.ticks(6):
            self._line(LEFT, y.at(value), WIDTH - RIGHT, y.at(value), GRID)
            self._text(LEFT - 6, y.at(value) + 4, tick_text(value, y.step(6), self.vertical.unit), "end")
        self._line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, INK)
        self._line(LEFT, TOP, LEFT, HEIGHT - BOTTOM, INK)
        self._text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, self.horizontal.label, "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.drawn.append(Label((14, middle), self.vertical.label, "middle", turned=True))

    def budgets(self, bounds: Sequence[Bound]) -> None:
        """What budgets forbid, shaded."""
        for bound in bounds:
            if bound.key == self.horizontal.key:
                at, end = self.x.at(self.x.inside(bound.value)), WIDTH - RIGHT if bound.at_most else LEFT
                self._shade(min(at, end), TOP, abs(end - at), HEIGHT - BOTTOM - TOP, bound.text)
            if bound.key == self.vertical.key:
                at, end = self.y.at(self.y.inside(bound.value)), TOP if bound.at_most else HEIGHT - BOTTOM
                self._shade(LEFT, min(at, end), WIDTH - RIGHT - LEFT, abs(end - at), bound.text)

    def cloud(self, candidates: Iterable[Candidate]) -> None:
        for x, y in map(self._measured, candidates):
            if x is not None and y is not None and self._holds(x, y):
                self._dot(x, y, 2.5, CLOUD)

    def front(self, members: Sequence[Candidate], chosen: int | None, *, joined: bool) -> None:
        """The members with their intervals, ``joined`` by steps: what the cheaper one gives holds up to the next.

        Of more than two objectives a member may be here for one that the figure does not show.
        """
        found = [(m, *self._measured(m)) for m in members]
        points = sorted(((x, y, m) for m, x, y in found if x and y), key=lambda point: point[0].value)
        if points and joined:
            self.drawn.append(Lines([self._steps([self._place(x, y) for x, y, _ in points])], FRONT, 1.3))
        for x, y, member in points:
            if self._holds(x, y):
                colour = CHOSEN if member.trial == chosen else FRONT
                self._intervals(x, y, colour)
                self._dot(x, y, 4.5 if member.trial == chosen else 3.5, colour)

    def landmarks(self, known: Sequence[tuple[str, Candidate]], chosen: int | None) -> None:
        """A diamond for each, below the members; that of a chosen one is larger than the dot upon it."""
        for _, candidate in known:
            x, y = self._measured(candidate)
            if x is None or y is None or not self._holds(x, y):
                continue
            self._intervals(x, y, KNOWN)
            (a, b), half = self._place(x, y), _half(candidate, chosen)
            self.drawn.append(Area([(a, b - half), (a + half, b), (a, b + half), (a - half, b)], KNOWN))
            self.labels.mark(a, b, half)

    def names(self, known: Sequence[tuple[str, Candidate]], chosen: int | None) -> None:
        """Of the landmarks, where they hide least of what is drawn by then."""
        for name, candidate in known:
            x, y = self._measured(candidate)
            if x is not None and y is not None and self._holds(x, y):
                self.drawn.append(self.labels.beside(*self._place(x, y), _half(candidate, chosen), name))

    def _measured(self, candidate: Candidate) -> tuple[Measurement | None, Measurement | None]:
        return candidate.metrics.get(self.horizontal.key), candidate.metrics.get(self.vertical.key)

    def _holds(self, x: Measurement, y: Measurement) -> bool:
        return self.x.holds(x.value) and self.y.holds(y.value)

    def _place(self, x: Measurement, y: Measurement) -> Point:
        """Where two measurements are, or the nearest place in the range."""
        return self.x.at(self.x.inside(x.value)), self.y.at(self.y.inside(y.value))

    def _steps(self, points: Sequence[Point]) -> list[Point]:
        """The points, and the corners between them."""
        found = [points[0]]
        for (a, b), (c, d) in itertools.pairwise(points):
            found += [(a, d) if self.horizontal.higher_is_better else (c, b), (c, d)]
        return found

    def _intervals(self, x: Measurement, y: Measurement, colour: str) -> None:
        a, b = self.x.at(x.value), self.y.at(y.value)
        left, right = (self.x.at(self.x.inside(end)) for end in (x.low, x.high))
        low, high = (self.y.at(self.y.inside(end)) for end in (y.low, y.high))
        self.drawn.append(Lines([[(left, b), (right, b)], [(a, low), (a, high)], *self._arrows(x, y)], colour))
        self.labels.line(left, b, right, b)
        self.labels.line(a, low, a, high)

    def _arrows(self, x: Measurement, y: Measurement) -> list[list[Point]]:
        """The heads of intervals that go on beyond the figure."""
        (a, b), size = self._place(x, y), ARROW
        left, right = self.x.at(self.x.low), self.x.at(self.x.high)
        low, high = self.y.at(self.y.low), self.y.at(self.y.high)
        heads = [
            (x.low < self.x.low, [(left + size, b - size), (left, b), (left + size, b + size)]),
            (x.high > self.x.high, [(right - size, b - size), (right, b), (right - size, b + size)]),
            (y.low < self.y.low, [(a - size, low - size), (a, low), (a + size, low - size)]),
            (y.high > self.y.high, [(a - size, high + size), (a, high), (a + size, high + size)]),
        ]
        return [head for goes_on, head in heads if goes_on]

    def _dot(self, x: Measurement, y: Measurement, radius: float, colour: str) -> None:
        a, b = self.x.at(x.value), self.y.at(y.value)
        self.drawn.append(Dot((a, b), radius, colour))
        if colour != CLOUD:
            self.labels.mark(a, b, radius)

    def _line(self, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
        self.drawn.append(Lines([[(x1, y1), (x2, y2)]], colour))

    def _shade(self, x: float, y: float, width: float, height: float, text: str) -> None:
        self.drawn.append(Shade((x, y), width, height, GRID, 0.6, text))

    def _text(self, x: float, y: float, text: str, anchor: Anchor) -> None:
        self.drawn.append(Label((x, y), text, anchor))
