"""Whether the uncompressed model of a later session is the one that a run was begun with."""

from __future__ import annotations

from ....evaluators.results.candidate import Candidate
from ....evaluators.results.measurement import Measurement
from ....evaluators.results.metric import COSTS, Kind, is_timed, on_any_device
from ....spaces.errors import ConfigError

MOMENTARY = frozenset({"memory_bytes", "load_ms"})
"""Metrics that differ from one reading to the next, beside those that are timed."""
SHARE = 0.1
"""By which part of half its interval a quality may differ where the arithmetic is not the same to the last bit."""


def check_baseline(run: str, there: Candidate, here: Candidate) -> None:
    """Compare what does not depend on the moment: the artefact's bytes, what is counted of it, and its quality.

    Args:
        run: its name, for messages.
        there: as the run has recorded it.
        here: as measured in this session.

    Raises:
        ConfigError: naming all that differs. Trials of both sessions would stand side by side in one front.
    """
    found = []
    if there.sha256 and here.sha256 and there.sha256 != here.sha256:
        found.append(f"other bytes (SHA-256 {there.sha256[:12]}… there, {here.sha256[:12]}… here)")
    counted = {metric.key for metric in COSTS.values() if metric.kind is Kind.COUNTED}
    for key in there.metrics.keys() & here.metrics.keys():
        before, after = there.metrics[key], here.metrics[key]
        allowed = 0.0 if key in counted else SHARE * before.half_width + 1e-6 * abs(before.value)
        if not (is_timed(key) or on_any_device(key) in MOMENTARY) and abs(after.value - before.value) > allowed:
            found.append(f"another {key} ({_shown(before)} there, {_shown(after)} here)")
    if found:
        raise ConfigError(
            f"run {run} was begun with another uncompressed model or other data: it has {'; '.join(sorted(found))}; "
            "choose another name for the run"
        )


def _shown(measured: Measurement) -> str:
    return f"{measured.value:.6g} {measured.unit}"
