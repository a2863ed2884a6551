"""What a search has found so far, as samplers need it: parameters, costs, violation of the budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ...spaces.knob import Choice
from .study import DIGEST, DIVERGENCE, REPEATS


@dataclass(frozen=True)
class Tried:
    """A complete trial.

    Attributes:
        params: a choice for every knob.
        digest: of the policy.
        costs: the objectives, all minimised (those that are better when higher with their sign turned).
        violation: sum over the budgets of what they are missed by; zero where all are met.
        divergence: of the outputs from the uncompressed model's; None where it was not measured.
        missed: by how much each budget is missed, by its text; zero or less where it is met.
    """

    params: Mapping[str, Choice]
    digest: str
    costs: tuple[float, ...]
    violation: float
    divergence: float | None = None
    missed: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study, trial: FrozenTrial) -> Tried:
        """A complete trial of the study."""
        signs = [-1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions]
        costs = tuple(sign * value for sign, value in zip(signs, trial.values, strict=True))
        violation = sum(max(0.0, missed) for missed in trial.constraints.values())
        seen = trial.user_attrs
        return cls(trial.params, seen[DIGEST], costs, violation, seen.get(DIVERGENCE), trial.constraints)


@dataclass(frozen=True)
class History:
    """All finished trials of a study.

    Attributes:
        tried: the complete ones, each policy once, in their order.
        digests: of every policy that was tried, infeasible and failed ones included.
    """

    tried: tuple[Tried, ...]
    digests: frozenset[str]

    @classmethod
    def of(cls, study: Study) -> History:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        tried = (Tried.of(study, trial) for trial in complete if REPEATS not in trial.user_attrs)
        return cls(tuple(tried), tried_digests(study))

    def by_digest(self, digest: str) -> Tried | None:
        """The complete trial of a policy, where there is one."""
        return next((tried for tried in self.tried if tried.digest == digest), None)


def tried_digests(study: Study) -> frozenset[str]:
    """Digests of the policies of all finished trials, however they ended."""
    return frozenset(t.user_attrs[DIGEST] for t in study.get_trials(deepcopy=False) if DIGEST in t.user_attrs)
