"""What a search has found so far, as samplers need it: parameters, costs, violation of the budgets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ....spaces.knob import Choice
from .mirror import ABANDONED
from .study import REPEATS
from .told import DIGEST, DIVERGENCE


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
        seen, others = _Seen.of(study)
        tried = (*seen.tried, *(seen.later[trial.number] for trial in others if trial.number in seen.later))
        return cls(tried, seen.digests.union(_digests(others)))

    def by_digest(self, digest: str) -> Tried | None:
        """The complete trial of a policy, where there is one."""
        return self._by_digest.get(digest)

    @cached_property
    def _by_digest(self) -> dict[str, Tried]:
        return {tried.digest: tried for tried in reversed(self.tried)}


def tried_digests(study: Study) -> frozenset[str]:
    """Digests of the policies of all finished trials, however they ended, and of those that are being evaluated."""
    seen, others = _Seen.of(study)
    return frozenset(seen.digests.union(_digests(others)))


@dataclass
class _Seen:
    """What has been read of the first trials of a study, up to one that is not finished: it does not change any more.

    Attributes:
        count: of those trials.
        tried: as :attr:`History.tried`, of them.
        digests: of their policies.
        later: what has been tried behind the first unfinished trial, by number: with many workers, or one evaluation
            that takes long, thousands.
    """

    count: int = 0
    tried: list[Tried] = field(default_factory=list)
    digests: frozenset[str] = frozenset()
    later: dict[int, Tried] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study) -> tuple[_Seen, list[FrozenTrial]]:
        """What is known of a study's first trials, and the others."""
        seen, trials = _SEEN.setdefault(study, cls()), study.get_trials(deepcopy=False)
        first = seen.count
        while seen.count < len(trials) and trials[seen.count].state.is_finished():
            seen.count += 1
        for trial in trials[first:]:
            if trial.number not in seen.later and _teaches(trial):
                seen.later[trial.number] = Tried.of(study, trial)
        seen.tried += [seen.later.pop(t.number) for t in trials[first : seen.count] if t.number in seen.later]
        if seen.count > first:
            seen.digests = seen.digests.union(_digests(trials[first : seen.count]))
        return seen, trials[seen.count :]


_SEEN: WeakKeyDictionary[Study, _Seen] = WeakKeyDictionary()


def _teaches(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE and REPEATS not in trial.user_attrs


def _digests(trials: Iterable[FrozenTrial]) -> Iterator[str]:
    return (t.user_attrs[DIGEST] for t in trials if DIGEST in t.user_attrs and ABANDONED not in t.user_attrs)
