"""Models that a front is looked at beside: the uncompressed one, plain int8, one choice everywhere, a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.fields import Fields
from ...evaluators.results.reciprocals import with_reciprocals
from ...evaluators.results.views.policy_words import policy_in_words
from ...spaces.policy import Policy
from ...spaces.runtime_knob import runtime_in, without_runtime

UNCOMPRESSED = "uncompressed"
UNIFORM = "uniform: "
PLAIN_INT8 = "plain int8"
"""And ``in`` a runtime behind either, where that is searched and another one than the first."""
LONGEST = 24
"""Characters of a short name."""


@dataclass(frozen=True)
class Landmark:
    """A model that readers know.

    Attributes:
        name: ``uncompressed``, ``plain int8``, either ``in`` a runtime, or ``uniform: `` and what was done; of a file
            that its user has named, what that is called.
        candidate: as it was measured.
        file: SHA-256 of a file that its user has named; empty where it is the uncompressed model or of a trial.
    """

    name: str
    candidate: Candidate
    file: str = ""

    @property
    def is_searched(self) -> bool:
        """Whether it takes a search to know that it is worth looking at: whatever is neither as it was nor in int8."""
        return not self.file and self.name.startswith(UNIFORM)

    @property
    def short_name(self) -> str:
        """Its name where there is little room."""
        if self.file:
            return self.name if len(self.name) <= LONGEST else f"{self.name[: LONGEST - 1]}…"
        return self.name.partition(":")[0]

    def to_json(self) -> dict[str, Any]:
        """The trial is null for the uncompressed model; and for a file, of which all that was measured is told here."""
        told = {"name": self.name, "trial": self.candidate.trial}
        if not self.file:
            return told
        measured = {key: each.to_json() for key, each in with_reciprocals(self.candidate.metrics).items()}
        runtime = {"runtime": runtime_in(self.candidate.policy)} if runtime_in(self.candidate.policy) else {}
        notes = {"notes": list(self.candidate.notes)} if self.candidate.notes else {}
        return {**told, "file": self.file, "metrics": measured, **runtime, **notes}


def landmarks(baseline: Candidate, candidates: Sequence[Candidate], graph: Fields | None) -> tuple[Landmark, ...]:
    """The uncompressed model, and what of the trials is plain int8 or uniform.

    A policy is *uniform* where each of its methods does the same at every place where the search space offers that: the
    control that a search per layer has to beat. *Plain int8* is the uniform one that only quantises, all to 8 bits.

    Args:
        baseline: the uncompressed model.
        candidates: those that were measured.
        graph: of the run's ``graph.json``, which has the knobs; without it none but the uncompressed model is known.
    """
    offered = [] if graph is None else [_offer(knob) for knob in graph.each("knobs")]
    found = [Landmark(UNCOMPRESSED, baseline)]
    for candidate in candidates:
        if candidate.policy and _is_uniform(candidate.policy, offered):
            found.append(Landmark(_called(candidate.policy), candidate))
    return tuple(found)


def told_apart(known: Sequence[Landmark]) -> tuple[Landmark, ...]:
    """The landmarks, with the beginning of its digest behind the name of each file that is called as another one is."""
    names = [mark.name for mark in known]
    return tuple(
        replace(mark, name=f"{mark.name} ({mark.file[:6]})") if mark.file and names.count(mark.name) > 1 else mark
        for mark in known
    )


def _called(policy: Policy) -> str:
    """How readers call what is the same everywhere."""
    done, runtime = without_runtime(policy), runtime_in(policy)
    where = f" in {runtime}" if runtime else ""
    if not done:
        return f"{UNCOMPRESSED}{where}"
    if all(name.startswith("quantize/") and choice == 8 for name, choice in done.items()):
        return f"{PLAIN_INT8}{where}"
    return f"{UNIFORM}{policy_in_words(policy)}"


def _offer(knob: Fields) -> tuple[str, list[Any]]:
    choices = knob.values.get("choices")
    return knob.text("name"), choices if isinstance(choices, list) else []


def _is_uniform(policy: Policy, offered: Sequence[tuple[str, list[Any]]]) -> bool:
    choices: dict[str, set[Any]] = {}
    for name, choice in policy.items():
        choices.setdefault(name.partition("/")[0], set()).add(choice)
    if any(len(of_method) > 1 for of_method in choices.values()):
        return False
    wanted = {method: next(iter(of_method)) for method, of_method in choices.items()}
    everywhere = {name for name, known in offered if wanted.get(name.partition("/")[0], _NOTHING) in known}
    return bool(everywhere) and set(policy) == everywhere


_NOTHING = object()
