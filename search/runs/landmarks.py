"""Models that a front is looked at beside: the uncompressed one, plain int8, and one choice for all layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.fields import Fields
from ...evaluators.results.views.policy_words import policy_in_words
from ...spaces.policy import Policy
from ...spaces.runtime_knob import runtime_in, without_runtime

UNCOMPRESSED = "uncompressed"
UNIFORM = "uniform: "
PLAIN_INT8 = "plain int8"
"""And ``in`` a runtime behind either, where that is searched and another one than the first."""


@dataclass(frozen=True)
class Landmark:
    """A model that readers know.

    Attributes:
        name: ``uncompressed``, ``plain int8``, either ``in`` a runtime, or ``uniform: `` and what was done.
        candidate: as it was measured.
    """

    name: str
    candidate: Candidate

    @property
    def is_searched(self) -> bool:
        """Whether it takes a search to know that it is worth looking at: whatever is neither as it was nor in int8."""
        return self.name.startswith(UNIFORM)

    def to_json(self) -> dict[str, Any]:
        """The trial is null for the uncompressed model."""
        return {"name": self.name, "trial": self.candidate.trial}


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
