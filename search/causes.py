"""What makes trials fail, so that failures of the same cause are known as such, and what is kept of an error."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable

from ..evaluators.results.views.units import plural
from ..spaces.masking import masked_text
from .runs.record import TrialRecord
from .runs.run import Run

KEPT_CHARACTERS = 8000
"""Of a traceback, in a trial's record; most of it from the end, where the error is."""

_PATH = r"(?:[A-Za-z]:)?[\w.~+-]*[/\\][^\s'\",;:)\]]*"
_DIGEST = r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"
_NUMBER = r"\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?"
_VARIES = re.compile(rf"{_PATH}|{_DIGEST}|{_NUMBER}")


def cause_of(reason: str) -> str:
    """What two failures have in common: type and message, without numbers, paths and digests.

    Args:
        reason: of a record, ``"RuntimeError: 3 channels are not 16"``.
    """
    return " ".join(_VARIES.sub("…", reason).split())


def traceback_of(error: BaseException) -> str:
    """The traceback as it is kept in a record: passwords masked, the middle of a long one left out."""
    text = masked_text("".join(traceback.format_exception(error)).rstrip())
    if len(text) <= KEPT_CHARACTERS:
        return text
    head = KEPT_CHARACTERS // 4
    return f"{text[:head]}\n… {len(text) - KEPT_CHARACTERS} characters left out …\n{text[head - KEPT_CHARACTERS :]}"


def why_all_failed(records: Iterable[TrialRecord], run: Run) -> str:
    """Of a run without a candidate: what its trials say most often."""
    reasons = [f"{record.outcome}: {record.reason}" for record in records if record.candidate is None]
    often = max(set(reasons), key=reasons.count) if reasons else "there was none"
    return f"no candidate from {plural(len(reasons), 'trial')}; most often {often} (see {run.path / 'log.txt'})"
