"""A comparison of runs as a table of texts, and in Markdown for a pull request."""

from __future__ import annotations

from ..evaluators.results.views.units import duration
from ..evaluators.results.views.written import written
from ..spaces.messages import printable
from .comparison import Attained, Comparison
from .scale import tick_text

MISSING = "–"


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: run, trials, time, hypervolume, the best quality within each limit, and the gains."""
    step = comparison.limits[1] - comparison.limits[0] if len(comparison.limits) > 1 else 1.0
    limits = [f"≤ {tick_text(limit, step, comparison.cost.unit)}" for limit in comparison.limits]
    rows = [
        [
            run.name,
            run.sampler,
            str(run.trials),
            duration(run.seconds),
            written(run.hypervolume).spanned(" ± "),
            MISSING if run.gain is None else written(run.gain, change=True).spanned(" ± "),
            *map(_attained, run.attained),
        ]
        for run in comparison.runs
    ]
    return ["run", "sampler", "trials", "time", "hypervolume", "gain", *limits], rows


def notes_of(comparison: Comparison) -> list[str]:
    """What a reader of the table should know."""
    split = "test" if comparison.key.startswith("test_") else "search"
    first = comparison.runs[0].name
    said = [f"{run.name}: {run.device}" for run in comparison.runs]
    said.append(
        f"within a {comparison.cost.name}, by the upper end of its interval: {comparison.quality.name} on the {split} "
        f"split, and in brackets the gain on {first}"
    )
    for run in comparison.runs:
        said += [f"{run.name} is not of the same task as {first}: {', '.join(run.notes)}"] if run.notes else []
    return said


def markdown(comparison: Comparison) -> str:
    """The table and the notes, and where the runs are of several devices or runtimes a table of these."""
    headings, rows = comparison_rows(comparison)
    table = _table(headings, [":--", ":--", *["--:"] * (len(headings) - 2)], rows)
    text = f"{table}\n\n" + "\n".join(f"- {_escaped(note)}" for note in notes_of(comparison)) + "\n"
    if comparison.grid.is_one_place:
        return text
    headings, rows = comparison.grid.rows()
    places = _table(headings, [":--"] * len(headings), rows)
    return f"{text}\n{places}\n\n- {_escaped(comparison.grid.note)}\n"


def _table(headings: list[str], sides: list[str], rows: list[list[str]]) -> str:
    cells = [[*map(_escaped_lines, line)] for line in (headings, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (cells[0], sides, *cells[1:]))


def _escaped_lines(text: str) -> str:
    return "<br>".join(map(_escaped, text.split("\n")))


def _attained(one: Attained | None) -> str:
    if one is None:
        return MISSING
    quality = written(one.quality)
    text = quality.joined(quality.value)
    return text if one.gain is None else f"{text} ({written(one.gain, change=True).spanned(' ± ')})"


def _escaped(text: str) -> str:
    """Text that is no markup, in Markdown or in HTML, and no end of a cell."""
    plain = printable(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|~#" else letter for letter in plain)
