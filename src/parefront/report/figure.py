"""The front as a figure for a paper: one SVG file, drawn without a library, in fonts that every system has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.front import Front
from ..evaluators.results.measurement import Measurement
from ..search.runs.run import Run
from ..spaces.errors import ConfigError
from ..spaces.files import write_text
from .axes import Axis, axes_of
from .document import Bound, Report
from .scale import Scale, tick_text

WIDTH, HEIGHT = 640, 400
"""Of the figure, in pixels of 1/96 inch."""
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 46
FRONT, CLOUD, KNOWN, CHOSEN, INK, GRID = "#0b6e4f", "#8c959f", "#6639ba", "#b3400f", "#1b1f24", "#e1e4e8"
FONT = "font-family='Helvetica, Arial, sans-serif' font-size='12'"


def write_figure(run: Run, path: Path) -> Path:
    """The first two objectives of a run as an SVG file: front, intervals, other trials, landmarks, budgets.

    Raises:
        ConfigError: where the path does not end in ``.svg``.
        ParefrontError: as :meth:`Report.of`.
    """
    if path.suffix.lower() != ".svg":
        raise ConfigError(f"--figure: expected a file that ends in .svg, got {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, figure_of(run.front, Report.of(run)))
    return path


def figure_of(front: Front, report: Report) -> str:
    """The SVG. Its range is that of the useful members and the landmarks; what lies outside is not drawn."""
    trials = [record.candidate for record in report.records if record.candidate is not None]
    named = {axis.key: axis for axis in axes_of(front, trials)}
    vertical, horizontal = (named[metric.key] for metric in front.objectives[:2])
    known = [(mark.name.partition(":")[0], mark.candidate) for mark in report.known]
    useful = [member for member in front if member.trial in report.useful] or list(front)
    framed = [
        candidate for candidate in (*useful, *(mark for _, mark in known)) if _has(candidate, horizontal, vertical)
    ]
    plot = _Plot(
        Scale.of([one.metrics[horizontal.key].value for one in framed], LEFT, WIDTH - RIGHT),
        Scale.of([one.metrics[vertical.key].value for one in framed], HEIGHT - BOTTOM, TOP),
        horizontal,
        vertical,
    )
    members = {candidate.trial for candidate in front}
    plot.budgets(report.bounds)
    plot.axes()
    plot.cloud(candidate for candidate in trials if candidate.trial not in members)
    plot.front(list(front), report.selected, joined=len(front.objectives) == 2)
    plot.landmarks(known)
    return plot.svg(f"{vertical.label} over {horizontal.label} of the run {report.name}")


def _has(candidate: Candidate, *axes: Axis) -> bool:
    return all(axis.key in candidate.metrics for axis in axes)


@dataclass
class _Plot:
    """What is drawn so far, and where values are in the figure."""

    x: Scale
    y: Scale
    horizontal: Axis
    vertical: Axis
    drawn: list[str] = field(default_factory=list)

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
        turned = f" transform='rotate(-90 14 {middle:.1f})'"
        self._text(14, middle, self.vertical.label, "middle", turned)

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
        steps = "".join(self._step(x, y, first=not index) for index, (x, y, _) in enumerate(points))
        if steps and joined:
            self.drawn.append(f"<path d='{steps}' fill='none' stroke='{FRONT}' stroke-width='1.3'/>")
        for x, y, member in points:
            if self._holds(x, y):
                colour = CHOSEN if member.trial == chosen else FRONT
                self._intervals(x, y, colour)
                self._dot(x, y, 4.5 if member.trial == chosen else 3.5, colour)

    def landmarks(self, known: Sequence[tuple[str, Candidate]]) -> None:
        for name, candidate in known:
            x, y = self._measured(candidate)
            if x is None or y is None or not self._holds(x, y):
                continue
            self._intervals(x, y, KNOWN)
            a, b = self.x.at(x.value), self.y.at(y.value)
            self.drawn.append(f"<path d='M{a:.1f} {b - 6:.1f}l6 6l-6 6l-6 -6z' fill='{KNOWN}'/>")
            right = a > WIDTH - 140
            self._text(a + (-9 if right else 9), b + 16, name, "end" if right else "start")

    def svg(self, title: str) -> str:
        box = f"width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}'"
        inside = f"<title>{escape(title)}</title>\n" + "\n".join(self.drawn)
        return f"<svg xmlns='http://www.w3.org/2000/svg' {box} role='img' {FONT} fill='{INK}'>\n{inside}\n</svg>\n"

    def _measured(self, candidate: Candidate) -> tuple[Measurement | None, Measurement | None]:
        return candidate.metrics.get(self.horizontal.key), candidate.metrics.get(self.vertical.key)

    def _holds(self, x: Measurement, y: Measurement) -> bool:
        return self.x.holds(x.value) and self.y.holds(y.value)

    def _step(self, x: Measurement, y: Measurement, *, first: bool) -> str:
        a, b = self.x.at(self.x.inside(x.value)), self.y.at(self.y.inside(y.value))
        if first:
            return f"M{a:.1f} {b:.1f}"
        return f"V{b:.1f}H{a:.1f}" if self.horizontal.higher_is_better else f"H{a:.1f}V{b:.1f}"

    def _intervals(self, x: Measurement, y: Measurement, colour: str) -> None:
        a, b = self.x.at(x.value), self.y.at(y.value)
        left, right = (self.x.at(self.x.inside(end)) for end in (x.low, x.high))
        low, high = (self.y.at(self.y.inside(end)) for end in (y.low, y.high))
        self.drawn.append(f"<path d='M{left:.1f} {b:.1f}H{right:.1f}M{a:.1f} {low:.1f}V{high:.1f}' stroke='{colour}'/>")

    def _dot(self, x: Measurement, y: Measurement, radius: float, colour: str) -> None:
        a, b = self.x.at(x.value), self.y.at(y.value)
        self.drawn.append(f"<circle cx='{a:.1f}' cy='{b:.1f}' r='{radius}' fill='{colour}'/>")

    def _line(self, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
        self.drawn.append(f"<path d='M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}' stroke='{colour}'/>")

    def _shade(self, x: float, y: float, width: float, height: float, text: str) -> None:
        box = f"x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}'"
        self.drawn.append(f"<rect {box} fill='{GRID}' fill-opacity='.6'><title>{escape(text)}</title></rect>")

    def _text(self, x: float, y: float, text: str, anchor: str, more: str = "") -> None:
        self.drawn.append(f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'{more}>{escape(text)}</text>")
