"""A front as rows of plain text for a page: numbers as people write them, what was done in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from ..candidate import Candidate
from ..measurement import Measurement
from ..metric import Metric
from .intervals import with_interval
from .policy_words import candidate_in_words

MISSING = "–"
UNCOMPRESSED = ' style="opacity:.65"'
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
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


def worded(measured: Measurement, sign: str = "") -> str:
    """A measurement as people write it: ``93.12 ± 0.5 %``, ``99.70 [99.23, 99.91] %``, ``311 KB``.

    Args:
        measured: the number with its interval.
        sign: ``"+"`` for a change, whose numbers all have one.
    """
    scale, unit = _scale(measured)
    half = measured.reach / scale
    digits = max(0, 1 - math.floor(math.log10(half))) if half else 0
    if unit == "%":
        text = with_interval(measured, lambda v: f"{v / scale:{sign}.2f}", lambda v: f"{v / scale:.1f}", " ± ")
    elif half:
        text = with_interval(
            measured, lambda v: f"{v / scale:{sign}.{digits}f}", lambda v: f"{v / scale:.{digits}f}", " ± "
        )
    else:
        text = f"{measured.value / scale:{sign}.3g}"
    noisy = " (noisy)" if measured.noisy else ""
    return (f"{text}{unit}" if unit == "x" else f"{text} {unit}".rstrip()) + noisy


def _cell(metrics: Mapping[str, Measurement], key: str) -> str:
    if key not in metrics:
        return MISSING
    if key.endswith("_change"):  # of a fraction in points
        return worded(metrics[key], "+").replace("%", "pt")
    return worded(metrics[key])


def _scale(measured: Measurement) -> tuple[float, str]:
    """What to divide a value by, and the unit that it then has."""
    if measured.unit == "fraction":
        return 0.01, "%"
    if measured.unit in ("bytes", "MACs", "parameters"):
        size, prefix = next((p for p in _PREFIXES if abs(measured.value) >= 0.9995 * p[0]), _PREFIXES[-1])
        return size, f"{prefix.upper()}B" if measured.unit == "bytes" else f"{prefix} {measured.unit}".strip()
    return 1.0, "" if measured.unit == "score" else measured.unit
