"""A trial as it is kept on disk: the policy, how it ended, and the candidate it gave."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..evaluators import Measurement
from ..spaces import ConfigError, Policy
from .candidate import Candidate


class Outcome(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True)
class TrialRecord:
    """One evaluated policy.

    Attributes:
        number: of the Optuna trial; numbers of trials that only repeated a policy are left out.
        policy: what was tried.
        outcome: how it ended.
        candidate: what was measured; ``None`` unless complete.
        reason: why it is infeasible, or the last line of what failed.
        seconds: wall-clock time from asking the sampler to the record.
    """

    number: int
    policy: Policy
    outcome: Outcome
    candidate: Candidate | None = None
    reason: str = ""
    seconds: float = 0.0

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Plain values; paths relative to the run's ``folder``."""
        head: dict[str, Any] = {"trial": self.number, "state": self.outcome.value, "digest": self.policy.digest}
        head |= {"policy": self.policy.to_dict(), "seconds": round(self.seconds, 4)}
        if self.candidate is None:
            return head | {"reason": self.reason}
        return head | _measured(self.candidate, folder)

    @classmethod
    def from_json(cls, fields: dict[str, Any], folder: Path) -> TrialRecord:
        outcome, number = Outcome(fields["state"]), int(fields["trial"])
        policy = Policy.from_dict(fields["policy"])
        candidate = None
        if outcome is Outcome.COMPLETE:
            candidate = replace(candidate_from_json(fields, folder), trial=number)
        return cls(number, policy, outcome, candidate, fields.get("reason", ""), float(fields["seconds"]))


def candidate_to_json(candidate: Candidate, folder: Path, seconds: float) -> dict[str, Any]:
    """A candidate on its own (the uncompressed model, or one measured again) as plain values."""
    head = {"trial": candidate.trial, "digest": candidate.policy.digest, "policy": candidate.policy.to_dict()}
    return head | {"seconds": round(seconds, 4)} | _measured(candidate, folder)


def candidate_from_json(fields: dict[str, Any], folder: Path) -> Candidate:
    """The inverse of :func:`candidate_to_json`; the path of the artefact becomes absolute again."""
    return Candidate(
        policy=Policy.from_dict(fields["policy"]),
        metrics={key: Measurement.from_json(value) for key, value in fields["metrics"].items()},
        artifact=folder / fields["artifact"] if fields["artifact"] else None,
        sha256=fields["sha256"],
        timings=fields["timings"],
        notes=tuple(fields["notes"]),
        trial=fields["trial"],
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of a run.

    Raises:
        ConfigError: where it is not the JSON mapping that a run writes.
    """
    try:
        fields = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON ({error}); it was not written by parefront, or was edited") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: expected a JSON mapping, got {type(fields).__name__}")
    return fields


def _measured(candidate: Candidate, folder: Path) -> dict[str, Any]:
    artifact = candidate.artifact
    if artifact is not None and artifact.is_relative_to(folder):
        artifact = artifact.relative_to(folder)
    return {
        "artifact": artifact.as_posix() if artifact is not None else None,
        "sha256": candidate.sha256,
        "metrics": {key: measurement.to_json() for key, measurement in candidate.metrics.items()},
        "timings": {step: round(seconds, 5) for step, seconds in candidate.timings.items()},
        "notes": list(candidate.notes),
    }
