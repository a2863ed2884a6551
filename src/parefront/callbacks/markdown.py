"""A summary of a finished run in Markdown, for a pull request or a CI job's page."""

from __future__ import annotations

from pathlib import Path

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.metric import Metric
from ..evaluators.results.reciprocals import with_reciprocals
from ..evaluators.results.views.units import duration, plural
from ..evaluators.results.views.written import COSTS, written
from ..search.runs.run import Run
from ..spaces.files import write_text
from .callback import Callback

FILE = "summary.md"
ROWS = 12
"""Members of the front that are shown; of a longer one evenly spread ones."""


class MarkdownSummary(Callback):
    """Writes the summary when the run is finished; an old one is replaced.

    Args:
        path: where to; by default ``summary.md`` in the run's folder.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path)

    def on_end(self, run: Run, front: Front) -> None:
        write_text(self._path or run.path / FILE, summary(run, front))


def summary(run: Run, front: Front) -> str:
    """The best within the budgets beside the uncompressed model, then the front, as Markdown.

    Args:
        run: for its name, its counts and how long it took.
        front: of the run.
    """
    budgets = " and ".join(f"`{budget}`" for budget in front.budgets)
    best: Candidate | None = None
    try:
        best = front.select()
        verdict = f"**{best.label.capitalize()}** is the best{f' within {budgets}' if budgets else ''}."
    except NoCandidate as error:
        verdict = f"**No candidate meets {budgets or 'the budget'}.** {str(error).splitlines()[0]}"
    columns = _columns(front)
    header = ["", *(heading for heading, _, _ in columns)]
    shown = [*([("best", best)] if best is not None else []), ("uncompressed", front.baseline)]
    trials = ", ".join(f"{number} {outcome}" for outcome, number in run.counts.items() if number)
    lines = [
        f"### Parefront: {_escaped(run.name)}",
        "",
        verdict,
        "",
        *_table(header, [[name, *_cells(candidate, columns)] for name, candidate in shown]),
        "",
        f"<details><summary>The front: {plural(len(front), 'candidate')}</summary>",
        "",
        *_table(header, [[c.label, *_cells(c, columns)] for c in _spread(front)]),
        "",
        "</details>",
        "",
        f"{trials or 'no trials'}; {duration(run.seconds)} in all. Intervals are 95 %.",
    ]
    return "\n".join(lines) + "\n"


Column = tuple[str, str, Metric | str]
"""Heading, key of the measurement, and its metric or unit."""


def _columns(front: Front) -> list[Column]:
    quality = front.quality
    tested = f"test_{quality.key}"
    named = [m for m in (*front.shown, *(b.written or b.metric for b in front.budgets)) if not m.is_quality]
    wanted: list[Column] = [(quality.name, quality.key, quality)]
    if any(tested in candidate.metrics for candidate in front):
        wanted.append((f"{quality.name} on test", tested, quality))
    wanted += [
        (metric.name, metric.key, metric.unit) for metric in (*front.objectives, *named) if not metric.is_quality
    ]
    wanted += [("latency", "latency_ratio", "x"), ("ms", "latency_ms", "ms"), ("size", "size_bytes", "bytes")]
    known = {key for candidate in (front.baseline, *front) for key in with_reciprocals(candidate.metrics)}
    first: dict[str, Column] = {}
    for column in wanted:
        first.setdefault(column[1], column)
    return [column for key, column in first.items() if key in known]


def _cells(candidate: Candidate, columns: list[Column]) -> list[str]:
    metrics = with_reciprocals(candidate.metrics)
    return [_cell(metrics.get(key), how) for _, key, how in columns]


def _cell(measurement: Measurement | None, how: Metric | str) -> str:
    if measurement is None:
        return "–"
    told = written(measurement)
    in_heading = how in COSTS or (isinstance(how, Metric) and not how.is_fraction)
    return told.spanned() if in_heading else told.joined(told.spanned())


def _spread(front: Front) -> list[Candidate]:
    last = len(front) - 1
    if last < ROWS:
        return list(front)
    return [front[round(row * last / (ROWS - 1))] for row in range(ROWS)]


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    ruler = ["---", *(["---:"] * (len(header) - 1))]
    return [f"| {' | '.join(map(_escaped, row))} |" for row in (header, ruler, *rows)]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
