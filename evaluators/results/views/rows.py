"""A front as rows of plain text for a page: numbers as people write them, what was done in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..candidate import Candidate
from ..measurement import Measurement
from ..metric import Metric
from .policy_words import candidate_in_words
from .written import is_change, worded

MISSING = "–"
UNCOMPRESSED = ' style="opacity:.65"'
_HEADINGS = {"latency_ratio": "latency", "latency_ms": "ms", "size_bytes": "size"}


def front_rows(
    baseline: Candidate, members: Sequence[Candidate], objectives: Sequence[Metric], quality: Metric
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: the uncompressed model first, a column for each metric that anyone has and people look at."""
    wanted = [quality.key, f"{quality.key}_change", *(metric.key for metric in objectives), "latency_ms", "size_bytes"]
    wanted += [f"test_{quality.key}"]
    rows = [baseline, *members]
    keys = [key for key in dict.fromkeys(wanted) if any(key in candidate.metrics for candidate in rows)]
    shown = [
        [
            "base" if candidate is baseline else str(candidate.trial),
            *(_cell(candidate.metrics, key) for key in keys),
            candidate_in_words(candidate),
        ]
        for candidate in rows
    ]
    return ["trial", *(_HEADINGS.get(key, key.replace("_", " ")) for key in keys), "what was done"], shown


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; all text is escaped. The first row is that of the uncompressed model."""
    right, left = "text-align:right;padding:2px 10px", "text-align:left;padding:2px 10px"
    aligned = [right] * (len(headings) - 1) + [left]
    head = "".join(f'<th style="{style}">{escape(text)}</th>' for text, style in zip(headings, aligned, strict=True))
    body = "".join(
        f"<tr{UNCOMPRESSED if index == 0 else ''}>"
        + "".join(f'<td style="{style}">{escape(text)}</td>' for text, style in zip(row, aligned, strict=True))
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(metrics: Mapping[str, Measurement], key: str) -> str:
    return worded(metrics[key], change=is_change(key)) if key in metrics else MISSING
