"""Optuna's NSGA-II and NSGA-III for many thousand trials: what they look for in all of them is kept at hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import ClassVar, Self

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseGASampler, BaseSampler, NSGAIIISampler, NSGAIISampler
from optuna.trial import FrozenTrial, TrialState

from .context import SamplerContext

POPULATION = 16
_GENERATIONS = "generations"


class Generations:
    """The complete trials of a study by their generation; each look reads those that have ended since the last."""

    def __init__(self) -> None:
        self._trials: list[FrozenTrial] = []
        self._unread: list[int] = []
        self._members: defaultdict[int, list[FrozenTrial]] = defaultdict(list)

    def look(self, study: Study, key: str) -> None:
        """Read what has ended; the generation of a trial is its system attribute ``key``."""
        first, self._trials = len(self._trials), study.get_trials(deepcopy=False)
        looked, self._unread = [*self._unread, *range(first, len(self._trials))], []
        for number in looked:
            trial = self._trials[number]
            if not trial.state.is_finished():
                self._unread.append(number)
            elif trial.state == TrialState.COMPLETE and key in trial.system_attrs:
                self._members[trial.system_attrs[key]].append(trial)

    def latest(self) -> tuple[int, int]:
        """The last generation, and how many complete trials it has."""
        last = max(self._members, default=0)
        return last, len(self._members.get(last, ()))

    def members(self, generation: int) -> list[FrozenTrial]:
        """The complete trials of a generation, by number."""
        return sorted(self._members.get(generation, ()), key=lambda trial: trial.number)

    def with_ids(self, ids: list[int]) -> list[FrozenTrial]:
        """The trials of Optuna's identities, which are the numbers in a study in memory, by number."""
        return [self._trials[number] for number in sorted(ids) if number < len(self._trials)]


class _KeptAtHand(BaseGASampler):
    """What both have in common: the search space is known, and the generations are.

    Optuna's own compare every knob of every trial with those of all others, and go three times through all trials, for
    each one that they suggest: a quarter of a second after a thousand trials of 40 knobs. The suggestions are the same.
    """

    _optunas: ClassVar[type[BaseGASampler]]
    """The class of Optuna's, by which trials and studies are marked on disk."""
    _space: Mapping[str, BaseDistribution]
    _generations: Generations

    @classmethod
    def _get_generation_key(cls) -> str:
        return cls._optunas._get_generation_key()

    @classmethod
    def _get_parent_cache_key_prefix(cls) -> str:
        return cls._optunas._get_parent_cache_key_prefix()

    def keep_at_hand(self, context: SamplerContext) -> Self:
        """Take the space, and the generations as they were read so far, from the search."""
        known = sorted(context.space.distributions.items())
        self._space = {name: distribution for name, distribution in known if not distribution.single()}
        self._generations = context.memory.setdefault(_GENERATIONS, Generations())
        return self

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._space)

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        key = self._get_generation_key()
        self._generations.look(study, key)
        known: int | None = trial.system_attrs.get(key)
        if known is not None:
            return known
        last, count = self._generations.latest()
        generation = last if count < POPULATION else last + 1
        study._storage.set_trial_system_attr(trial._trial_id, key, generation)
        return generation

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return self._generations.members(generation)

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        attributes = study._storage.get_study_system_attrs(study._study_id)
        ids = attributes.get(f"{self._get_parent_cache_key_prefix()}{generation}")
        return super().get_parent_population(study, generation) if ids is None else self._generations.with_ids(ids)


class _Nsga2(_KeptAtHand, NSGAIISampler):
    _optunas = NSGAIISampler


class _Nsga3(_KeptAtHand, NSGAIIISampler):
    _optunas = NSGAIIISampler


def nsga2(context: SamplerContext) -> BaseSampler:
    """NSGA-II (Deb et al. 2002) from a random population."""
    return _Nsga2(seed=context.seed, population_size=POPULATION).keep_at_hand(context)


def nsga3(context: SamplerContext) -> BaseSampler:
    """NSGA-III (Deb & Jain 2014) from a random population: for three objectives and more."""
    return _Nsga3(seed=context.seed, population_size=POPULATION).keep_at_hand(context)
