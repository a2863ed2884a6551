"""A trial as it is kept on disk: the policy, how it ended, and the candidate it gave."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from ...evaluators.results.candidate import Candidate, Stopped
from ...evaluators.results.classes.class_counts import ClassCount
from ...evaluators.results.fields import Fields
from ...evaluators.results.recovered import Recovered
from ...evaluators.results.span import Span
from ...spaces.policy import Policy
from .profile_fields import profile_of, profile_to_json
from .tested_fields import (
    amplification_in,
    amplification_to_json,
    confidence_in,
    confidence_to_json,
    flips_in,
    flips_to_json,
)


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
        traceback: of the error where it failed, a long one shortened.
        controller: machine and run of the controller of a shared study that evaluated it; empty where it is this run's.
        elapsed: seconds since the record before it in the same session, or since that began; of searches in which
            several evaluations overlap, whose time is the sum of these. None where trials came one after the other.
    """

    number: int
    policy: Policy
    outcome: Outcome
    candidate: Candidate | None = None
    reason: str = ""
    seconds: float = 0.0
    traceback: str = ""
    controller: str = ""
    elapsed: float | None = None

    @property
    def took(self) -> float:
        """Seconds by which it has prolonged its search."""
        return self.seconds if self.elapsed is None else self.elapsed

    @property
    def rounded(self) -> TrialRecord:
        """With its seconds as the file has them, so that their sum is the same before and after they are read."""
        elapsed = None if self.elapsed is None else round(self.elapsed, 4)
        return replace(self, seconds=round(self.seconds, 4), elapsed=elapsed)

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Plain values; paths relative to the run's ``folder``."""
        head: dict[str, Any] = {"trial": self.number, "state": self.outcome.value, "digest": self.policy.digest}
        rounded = self.rounded
        head |= {"policy": self.policy.to_dict(), "seconds": rounded.seconds}
        head |= {} if rounded.elapsed is None else {"elapsed": rounded.elapsed}
        head |= {"controller": self.controller} if self.controller else {}
        if self.candidate is None:
            return head | {"reason": self.reason} | ({"traceback": self.traceback} if self.traceback else {})
        return head | _measured(self.candidate, folder)

    @classmethod
    def read(cls, file: Path, folder: Path) -> TrialRecord:
        """The record in a file of the run's ``folder``, whose name is its number.

        Raises:
            UnreadableFile: naming the file, the key and what came.
        """
        fields = Fields.read(file)
        if f"{fields.count('trial'):06d}" != file.stem:
            raise fields.damaged(
                f"key 'trial': expected the {file.stem} of the file's name, got {fields.count('trial')}"
            )
        return cls.of(fields, folder)

    @classmethod
    def of(cls, fields: Fields, folder: Path) -> TrialRecord:
        """As :meth:`to_json` gave it, wherever that was kept; raises as :meth:`read`."""
        number, seconds = fields.count("trial"), fields.number("seconds")
        controller, elapsed = fields.text("controller", ""), fields.number("elapsed") if "elapsed" in fields else None
        state = fields.text("state")
        if state not in list(Outcome):
            raise fields.damaged(f"key 'state': expected one of {', '.join(Outcome)}, got {state!r}")
        if Outcome(state) is not Outcome.COMPLETE:
            reason, traceback = fields.text("reason", ""), fields.text("traceback", "")
            return cls(number, fields.policy(), Outcome(state), None, reason, seconds, traceback, controller, elapsed)
        candidate = replace(candidate_of(fields, folder), trial=number)
        return cls(number, candidate.policy, Outcome.COMPLETE, candidate, "", seconds, "", controller, elapsed)


def candidate_to_json(candidate: Candidate, folder: Path, seconds: float) -> dict[str, Any]:
    """A candidate on its own (the uncompressed model, or one measured again) as plain values."""
    head = {"trial": candidate.trial, "digest": candidate.policy.digest, "policy": candidate.policy.to_dict()}
    return head | {"seconds": round(seconds, 4)} | _measured(candidate, folder)


def candidate_of(fields: Fields, folder: Path) -> Candidate:
    """The candidate in the fields of a file, the inverse of :func:`candidate_to_json`; the path of its artefact becomes
    absolute again.

    Raises:
        UnreadableFile: naming the file, the key and what came.
    """
    measured = fields.fields("metrics")
    return Candidate(
        policy=fields.policy(),
        metrics={key: measured.measurement(key) for key in measured.values},
        artifact=_inside(fields, folder),
        sha256=fields.text("sha256"),
        timings=fields.numbers("timings"),
        notes=fields.texts("notes"),
        trial=None if fields.values.get("trial") is None else fields.count("trial"),
        stopped=None if fields.values.get("stopped") is None else _stopped(fields.fields("stopped")),
        spans=_spans(fields),
        units=fields.texts("units") if "units" in fields else (),
        recovered=_recovered(fields.fields("recovered")) if "recovered" in fields else None,
        classes=_classes(fields, "classes", int) if "classes" in fields else (),
        subgroups=_classes(fields, "subgroups", str) if "subgroups" in fields else (),
        amplification=amplification_in(fields.fields("amplification")) if "amplification" in fields else None,
        confidence=confidence_in(fields.fields("confidence")) if "confidence" in fields else None,
        flips=flips_in(fields.fields("flips")) if "flips" in fields else None,
        profile=profile_of(fields.fields("profile")) if "profile" in fields else None,
    )


def _span_to_json(span: Span) -> list[str | float]:
    return [span.step, round(span.began, 4), round(span.ended, 4), span.place]


def _spans(fields: Fields) -> tuple[Span, ...]:
    """Each a list of step, beginning, end and place; there are none of a search in one process."""
    listed, found = fields.values.get("spans", []), []
    for item in listed if isinstance(listed, list) else [listed]:
        match item:
            case [str(step), int() | float() as began, int() | float() as ended, str(place)] if began <= ended < 1e12:
                found.append(Span(step, float(began), float(ended), place))
            case _:
                raise fields.damaged("key 'spans': expected lists of step, beginning, end and place")
    return tuple(found)


def _recovered(fields: Fields) -> Recovered:
    recipe, steps = fields.text("recipe"), fields.count("steps")
    if not recipe.isalnum():
        raise fields.damaged(f"key 'recipe': expected a digest, got {recipe!r}")
    given = fields.truth("given") if "given" in fields else False
    return Recovered(recipe, fields.count("number"), steps, fields.number("rate"), fields.number("seconds"), given)


def _classes(fields: Fields, key: str, kind: type[int] | type[str]) -> tuple[ClassCount, ...]:
    found, items = [], fields.values[key]
    for item in items if isinstance(items, list) else [items]:
        match item:
            case [int() | str() as label, int() as n, int() as before, int() as lost, int() as gained] if (
                isinstance(label, kind)
                and (isinstance(label, str) or label >= 0)
                and (0 <= lost <= before <= n - gained <= n < 2**31 and n > 0 and gained >= 0)
            ):
                found.append(ClassCount(label, n, before, lost, gained))
            case _:
                raise fields.damaged(f"key '{key}': expected lists of label, images, right before, lost and gained")
    return tuple(found)


def _stopped(fields: Fields) -> Stopped:
    return Stopped(
        fields.count("dominated_by"), None if fields.values.get("images") is None else fields.count("images")
    )


def _inside(fields: Fields, folder: Path) -> Path | None:
    """The artefact, which has to lie in the run's folder whatever symbolic links there are."""
    if fields.values.get("artifact") is None and "artifact" in fields:
        return None
    text = fields.text("artifact")
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text or not path.parts:
        raise fields.damaged(f"key 'artifact': expected a path inside of the run's folder, got {text!r}")
    if _has_link(folder, path) and not (folder / path).parent.resolve().is_relative_to(folder.resolve()):
        raise fields.damaged(f"key 'artifact': {text!r} leads out of the run's folder by a symbolic link")
    if not fields.text("sha256"):
        raise fields.damaged(f"key 'sha256': expected that of the artefact {text}, got none")
    return folder / path


def _has_link(folder: Path, path: PurePosixPath) -> bool:
    """Whether a folder between a run's and a file in it is a symbolic link."""
    return any((folder / parent).is_symlink() for parent in path.parents)


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
        **({"stopped": asdict(candidate.stopped)} if candidate.stopped is not None else {}),
        **({"spans": [_span_to_json(span) for span in candidate.spans]} if candidate.spans else {}),
        **({"units": list(candidate.units)} if candidate.units else {}),
        **({"recovered": asdict(candidate.recovered)} if candidate.recovered is not None else {}),
        **({"classes": [list(astuple(one)) for one in candidate.classes]} if candidate.classes else {}),
        **({"subgroups": [list(astuple(one)) for one in candidate.subgroups]} if candidate.subgroups else {}),
        **({"amplification": amplification_to_json(told)} if (told := candidate.amplification) is not None else {}),
        **({"confidence": confidence_to_json(candidate.confidence)} if candidate.confidence is not None else {}),
        **({"flips": flips_to_json(candidate.flips)} if candidate.flips is not None else {}),
        **({"profile": profile_to_json(candidate.profile)} if candidate.profile is not None else {}),
    }
