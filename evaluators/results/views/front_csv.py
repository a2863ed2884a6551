"""A front as CSV: the uncompressed model, then a row a member."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..candidate import Candidate
from ..reciprocals import with_reciprocals
from .policy_words import candidate_in_words

BASE = "base"
"""What stands in the column of the trial for the uncompressed model."""


def front_csv(
    baseline: Candidate,
    members: Sequence[Candidate],
    shown: Callable[[Path | None], str | None] = lambda path: None,
    runs_in: Callable[[Candidate], str] | None = None,
) -> str:
    """Trial, digest, artefact, what was done (in words, and the policy as JSON), then value, low, high of every metric.

    Args:
        baseline: the uncompressed model, in the first row.
        members: in the order of the rows.
        shown: how an artefact's path is written.
        runs_in: the runtime of each, where that is searched; a column more then.
    """
    rows = [baseline, *members]
    measured = [with_reciprocals(candidate.metrics) for candidate in rows]
    keys = list(dict.fromkeys(key for metrics in measured for key in metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["trial", "digest", "artifact", "done", "policy", *(["runtime"] if runs_in else [])]
    writer.writerow([*head, *(key + end for key in keys for end in ("", "_low", "_high"))])
    for candidate, metrics in zip(rows, measured, strict=True):
        trial = BASE if candidate is baseline else candidate.trial
        done, policy = candidate_in_words(candidate), json.dumps(candidate.policy.to_dict(), separators=(",", ":"))
        row: list[Any] = [trial, candidate.policy.digest, shown(candidate.artifact), done, policy]
        row += [runs_in(candidate)] if runs_in else []
        for key in keys:
            m = metrics.get(key)
            row += ["", "", ""] if m is None else [m.value, m.low, m.high]
        writer.writerow(row)
    return text.getvalue()
