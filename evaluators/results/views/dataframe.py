"""A front as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..candidate import Candidate
from ..reciprocals import with_reciprocals
from .front_csv import BASE
from .optional import imported
from .policy_words import candidate_in_words

if TYPE_CHECKING:
    from pandas import DataFrame


def front_dataframe(baseline: Candidate, members: Sequence[Candidate]) -> DataFrame:
    """The uncompressed model, then a row a member, indexed by trial.

    A column for every metric, with ``_low`` and ``_high`` behind it; ``done``, ``digest``, ``artifact`` are the last.

    Raises:
        ImportError: where pandas is not installed.
    """
    pandas = imported("pandas", "front.to_dataframe()")
    rows: list[dict[str, Any]] = []
    for candidate in (baseline, *members):
        row: dict[str, Any] = {"trial": BASE if candidate is baseline else candidate.trial}
        for key, measured in with_reciprocals(candidate.metrics).items():
            row |= {key: measured.value, f"{key}_low": measured.low, f"{key}_high": measured.high}
        row |= {"done": candidate_in_words(candidate), "digest": candidate.policy.digest}
        rows.append(row | {"artifact": None if candidate.artifact is None else str(candidate.artifact)})
    last = ["done", "digest", "artifact"]
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in last]
    table: DataFrame = pandas.DataFrame(rows, columns=[*keys, *last]).set_index("trial")
    return table
