"""The numbers of a candidate and a front that trackers draw, and a config as flat parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.reciprocals import with_reciprocals
from ..search.runs.run import Run
from ..spaces.masking import masked


def scalars_of(candidate: Candidate) -> dict[str, float]:
    """The values of all its measurements, by key; the ``@`` of a named device is ``_on_``, which trackers accept."""
    metrics = with_reciprocals(candidate.metrics)
    return {key.replace("@", "_on_"): measurement.value for key, measurement in metrics.items()}


def scalars_of_front(front: Front) -> dict[str, float]:
    """Its size and its hypervolume, a share of the box between the reference and the ideal."""
    return {"members": float(len(front)), "hypervolume": front.hypervolume()}


def parameters_of(run: Run) -> dict[str, str]:
    """The config with dotted keys, its secrets masked."""
    return dict(_flat(masked(dict(run.config)), ""))


def _flat(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", str(value)
