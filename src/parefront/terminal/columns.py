"""The columns of the table of a front: what stands in each, and which go first where a terminal is narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rich.cells import cell_len

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.metric import device_of, on_any_device, on_device
from ..evaluators.results.reciprocals import with_reciprocals
from ..evaluators.results.views.policy_words import candidate_in_words
from ..evaluators.results.views.units import fixed
from ..evaluators.results.views.written import COSTS, written

WORDED = 150
"""From this many columns on, the table says of every member what was done."""
WIDE = 115
"""From this many columns on, the table has room for intervals as ``[low, high]``, and for MACs."""
WORDS = 24
"""Columns of what was done at least; it goes on in the next line."""

MISSING = "–"
NOISY = "~"
TRAINED = "*"
"""Behind the number of a trial."""
ALWAYS = {"latency_ratio", "latency_ms", "size_bytes", "macs"}
"""Keys of the costs that have columns of their own whatever the objectives are."""
HEADING = 14
"""Columns of the heading of a task's own metric; a longer name goes on in the next line."""


class Form(IntEnum):
    """How long the numbers are: alone, with their intervals, or with these as ``[low, high]``."""

    BRIEF = 0
    NARROW = 1
    WIDE = 2


DROPPED_DOWN_TO = {Form.WIDE: 7, Form.NARROW: 3, Form.BRIEF: 0}
"""Ranks of the columns that are left out before the next shorter form is tried."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: lines of text.
        cell: what stands in it for a candidate.
        rank: the columns of the highest rank are left out first where there is no room.
        to_the_left: whether it is text.
        folds: whether it goes on in the next line.
    """

    heading: str
    cell: Callable[[Candidate], str]
    rank: int = 0
    to_the_left: bool = False
    folds: bool = False

    def width(self, rows: Sequence[Candidate]) -> int:
        """Columns of the terminal that it needs."""
        texts = [*self.heading.split("\n"), *map(self.cell, rows)]
        needed = max(map(cell_len, texts))
        return min(needed, WORDS) if self.folds else needed


def columns_within(front: Front, width: int) -> tuple[list[Column], Form, list[str]]:
    """The columns of a front's table that a terminal has room for.

    Returns:
        The columns, in their order; how long their numbers are; and the headings of what was left out, but for what
        only wide terminals show.
    """
    rows = [front.baseline, *front]
    forms = [Form.WIDE, Form.NARROW, Form.BRIEF] if width >= WIDE else [Form.NARROW, Form.BRIEF]
    columns: list[Column] = []
    offered: list[str] = []
    for form in forms:
        columns = list(_columns(front, form, width))
        offered = offered or [column.heading for column in columns if not column.folds and column.heading]
        while _needed(columns, rows) > width and len(columns) > 1:
            last = max(range(1, len(columns)), key=lambda index: (columns[index].rank, index))
            if columns[last].rank < DROPPED_DOWN_TO[form]:
                break
            del columns[last]
        if _needed(columns, rows) <= width:
            break
    shown = {column.heading for column in columns}
    return columns, form, [heading.replace("\n", "") for heading in offered if heading not in shown]


def _needed(columns: Sequence[Column], rows: Sequence[Candidate]) -> int:
    """Columns of the terminal: each has one behind it, and one between it and the next."""
    return sum(column.width(rows) + 2 for column in columns) + 1


def _columns(front: Front, form: Form, width: int) -> Iterator[Column]:
    quality = front.quality
    yield Column("trial", lambda c: "base" if c is front.baseline else f"{c.trial}{TRAINED if c.recovered else ''}")
    yield from _qualities(front, "", form, ranks=(0, 5))
    yield from _latencies(front, form)
    named = {metric.key for metric in front.objectives}
    yield Column("size", lambda c: _alone(c, "size_bytes"), 0 if "size_bytes" in named else 4)
    if form is Form.WIDE:
        yield Column("MACs", lambda c: _alone(c, "macs"), 0 if "macs" in named else 8)
    yield from _further(front, form)
    if any(quality.tested.key in c.metrics for c in front):
        yield from _qualities(front, "test_", form, ranks=(2, 6))
    if front.runtimes:
        yield Column("runs in", front.runtime_of, to_the_left=True)
    if any(map(is_noisy, (front.baseline, *front))):
        mark = "noisy" if form is Form.WIDE else NOISY
        yield Column("", lambda c: mark if is_noisy(c) else "", to_the_left=True)
    if width >= WORDED:
        yield Column("what was done", candidate_in_words, 9, to_the_left=True, folds=True)


def is_noisy(candidate: Candidate) -> bool:
    """Whether any of its measurements was taken on a device that was busy with other things."""
    return any(measurement.noisy for measurement in candidate.metrics.values())


def _qualities(front: Front, split: str, form: Form, ranks: tuple[int, int]) -> Iterator[Column]:
    """The quality on a split and, of one that has points, its change: in narrow tables on the search split alone."""
    quality, key = front.quality, f"{split}{front.quality.key}"
    name = "test" if split else quality.name
    changes = form is Form.WIDE or not split

    def change(candidate: Candidate) -> str:
        paired = None if candidate is front.baseline else candidate.metrics.get(f"{key}_change")
        return _cell(paired, form if form is Form.WIDE else Form.BRIEF, change=True)

    if quality.is_fraction:
        yield Column(f"{name} %", lambda c: _cell(c.metrics.get(key), form), ranks[0])
        if changes:
            yield Column("change pt", change, ranks[1])
        return
    heading = f"{name} {quality.unit}" if quality.point else "\n".join(_lines(key))
    yield Column(heading, lambda c: _cell(c.metrics.get(key), form), ranks[0])
    if changes and quality.point:
        yield Column(f"change {quality.unit}", change, ranks[1])


def _latencies(front: Front, form: Form) -> Iterator[Column]:
    """On every device the ratio and the milliseconds."""
    devices = list(dict.fromkeys(device_of(key) for key in front.baseline.metrics if device_of(key))) or ["latency"]
    named = {metric.key for metric in front.objectives}
    for device in devices:
        key, ms = (on_device(of, "" if device == "latency" else device) for of in ("latency_ratio", "latency_ms"))
        yield Column(f"{device} x", _ratio_cell(key, form, len(devices) < 2), 0 if key in named else 1)
        yield Column("ms", _cost_cell(ms, Form.BRIEF), 0 if ms in named else 7)


def _ratio_cell(key: str, form: Form, alone: bool) -> Callable[[Candidate], str]:
    def cell(candidate: Candidate) -> str:
        measured = candidate.metrics.get(key)
        if measured is not None and form is Form.WIDE and alone:
            return f"{fixed(measured.value, 3)} [{fixed(measured.low, 3)}, {fixed(measured.high, 3)}]"
        return _cell(measured, form)

    return cell


def _further(front: Front, form: Form) -> Iterator[Column]:
    """What objectives and budgets name beyond the columns that every table has, and wide ones."""
    always = ALWAYS if form is Form.WIDE else ALWAYS - {"macs"}
    objectives = [*front.shown, *front.objectives]
    named = [*objectives, *(budget.written or budget.metric for budget in front.budgets)]
    extra = [m for m in named if not m.is_quality and on_any_device(m.key) not in always]
    for metric in dict.fromkeys(extra):
        yield Column(metric.name, _cost_cell(metric.key, form), 0 if metric in objectives else 3)


def _cost_cell(key: str, form: Form) -> Callable[[Candidate], str]:
    """What a device takes without its unit, with its interval where there is room; what is counted with its unit."""

    def cell(candidate: Candidate) -> str:
        measured = with_reciprocals(candidate.metrics).get(key)
        if measured is None or measured.unit not in COSTS:
            return _with_unit(measured)
        return _cell(measured, form if form is Form.WIDE else Form.BRIEF)

    return cell


def _alone(candidate: Candidate, key: str) -> str:
    return _with_unit(candidate.metrics.get(key))


def _with_unit(measured: Measurement | None) -> str:
    if measured is None:
        return MISSING
    told = written(measured)
    return told.joined(told.value)


def _cell(measured: Measurement | None, form: Form, *, change: bool = False) -> str:
    """Without its unit, which stands in the heading."""
    if measured is None:
        return MISSING
    told = written(measured, change=change)
    return told.value if form is Form.BRIEF else told.spanned()


def _lines(name: str) -> Iterator[str]:
    """A long name of a metric in pieces that end behind underscores."""
    while len(name) > HEADING:
        end = name.rfind("_", 0, HEADING) + 1 or HEADING
        yield name[:end]
        name = name[end:]
    yield name
