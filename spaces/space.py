"""The search space: all knobs in execution order, and the ways to make, check and canonicalise policies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from optuna.distributions import CategoricalDistribution
from optuna.trial import BaseTrial

from .errors import ConfigError
from .knob import Choice, Knob
from .messages import did_you_mean
from .policy import Policy


@dataclass(frozen=True)
class SearchSpace:
    """The ordered knobs of a network.

    Attributes:
        knobs: in execution order of the layers they are about.
        removes: for a knob name, the layers that vanish when the knob leaves its neutral choice
            (a dropped block takes its layers along). Knobs all of whose layers vanish are void.
        overrules: for a knob name, the knobs that are void when it leaves its neutral choice (two ways to factorise
            one layer).
        fixed: knobs with a single choice, which is not neutral: nothing to search, but part of every policy.
    """

    knobs: tuple[Knob, ...]
    removes: Mapping[str, frozenset[str]]
    overrules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fixed: tuple[Knob, ...] = ()

    @classmethod
    def of(
        cls,
        knobs: Sequence[Knob],
        removes: Mapping[str, frozenset[str]] | None = None,
        overrules: Mapping[str, frozenset[str]] | None = None,
    ) -> SearchSpace:
        """Sort the knobs by position (stable), set the fixed ones apart and check that no name comes twice."""
        ordered = tuple(sorted(knobs, key=lambda knob: knob.position))
        names = [knob.name for knob in ordered]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ConfigError(f"search space: knobs with the same name: {', '.join(sorted(repeated))}")
        free = tuple(knob for knob in ordered if not knob.is_fixed)
        fixed = tuple(knob for knob in ordered if knob.is_fixed)
        return cls(free, dict(removes or {}), dict(overrules or {}), fixed)

    def beginning_with(self, knob: Knob) -> SearchSpace:
        """The space with one knob more, before all others of its position."""
        return self.of([knob, *self.knobs, *self.fixed], self.removes, self.overrules)

    def __len__(self) -> int:
        return len(self.knobs)

    def __iter__(self) -> Iterator[Knob]:
        return iter(self.knobs)

    def __getitem__(self, name: str) -> Knob:
        if name in self._by_name:
            return self._by_name[name]
        raise ConfigError(f"no knob {name!r} in this space{did_you_mean(name, self._by_name)}")

    @cached_property
    def _by_name(self) -> dict[str, Knob]:
        return {knob.name: knob for knob in (*self.knobs, *self.fixed)}

    @cached_property
    def _required(self) -> dict[str, Choice]:
        """What policies say of the places that cannot be left as they are, where nothing else is chosen."""
        return {knob.name: knob.start for knob in self._by_name.values() if knob.is_required}

    @cached_property
    def start(self) -> Policy:
        """The mildest policy: the empty one where every place may be left as it is."""
        return self.decode({})

    @property
    def distributions(self) -> dict[str, CategoricalDistribution]:
        """The knobs as Optuna distributions, in execution order."""
        return {knob.name: CategoricalDistribution(list(knob.choices)) for knob in self.knobs}

    def suggest(self, trial: BaseTrial) -> Policy:
        """Ask an Optuna trial for every knob, in execution order, and return the canonical policy."""
        choices: dict[str, Choice] = {}
        for knob in self.knobs:
            suggested = trial.suggest_categorical(knob.name, list(knob.choices))
            assert suggested is not None
            choices[knob.name] = suggested
        return self.decode(choices)

    def encode(self, policy: Policy) -> dict[str, Choice]:
        """A choice for every knob, the absent ones at their start; what Optuna's ``enqueue_trial`` takes."""
        self.validate(policy)
        return {knob.name: policy.get(knob.name, knob.start) for knob in self.knobs}

    def decode(self, choices: Mapping[str, Choice]) -> Policy:
        """The canonical policy of a (full or partial) assignment: neutral and void choices left out."""
        policy = self.policy_of(choices)
        self.validate(policy)
        return self.canonical(policy)

    def policy_of(self, choices: Mapping[str, Choice]) -> Policy:
        """The choices that are not neutral, and those of places that cannot be left as they are; nothing is checked."""
        neutral = self._neutral
        return Policy({n: c for n, c in {**self._required, **choices}.items() if n not in neutral or c != neutral[n]})

    def canonical(self, policy: Policy) -> Policy:
        """The policy without the choices that can have no effect, so that equal models have equal digests."""
        left = self._without(policy, self._removed(policy))
        return self._without(left, {other for name in left for other in self.overrules.get(name, ())})

    def _removed(self, policy: Policy) -> set[str]:
        """The knobs whose layers the policy takes away."""
        removed = {name: self.removes[name] for name in policy if name in self.removes}
        if not removed:
            return set()
        gone = frozenset().union(*removed.values())
        widths = [knob for knob in self._by_name.values() if knob.layers and knob.name not in self.removes]
        void = {knob.name for knob in widths if knob.layers <= gone}
        return void | {inner for inner, layers in removed.items() if any(layers < outer for outer in removed.values())}

    @staticmethod
    def _without(policy: Policy, void: Collection[str]) -> Policy:
        return Policy({name: choice for name, choice in policy.items() if name not in void}) if void else policy

    def uniform(self, choices: Mapping[str, Choice]) -> Policy:
        """Every knob of a compressor at the same choice, or the nearest milder one that the knob offers.

        Args:
            choices: the wanted choice by compressor name.
        """
        return self.decode(
            {k.name: _mildest_up_to(k, choices[k.compressor]) for k in self.knobs if k.compressor in choices}
        )

    def ladders(self) -> dict[str, list[Choice]]:
        """By compressor, all choices that any of its knobs offers, mildest first: what :meth:`uniform` takes."""
        found: dict[str, list[Choice]] = {}
        for knob in sorted(self._by_name.values(), key=lambda knob: -len(knob.choices)):
            ladder = found.setdefault(knob.compressor, [])
            ladder += [choice for choice in knob.choices if choice not in ladder]
        return {name: found[name] for name in sorted(found)}

    def sample(self, generator: np.random.Generator) -> Policy:
        """A policy with every knob drawn uniformly."""
        return self.decode({k.name: k.choices[int(generator.integers(len(k.choices)))] for k in self.knobs})

    def validate(self, policy: Policy) -> None:
        """Raise ``ConfigError`` where a policy names an unknown knob or a choice that its knob does not offer."""
        for name, choice in policy.items():
            knob = self[name]
            if choice not in knob.choices:
                raise ConfigError(f"knob {name} offers {list(knob.choices)}, the policy says {choice!r}")

    @cached_property
    def _neutral(self) -> dict[str, Choice]:
        return {name: knob.neutral for name, knob in self._by_name.items()}


def _mildest_up_to(knob: Knob, wanted: Choice) -> Choice:
    """``wanted`` where the knob offers it; else, among ordered numbers, the strongest that is no stronger."""
    if wanted in knob.choices:
        return wanted
    if isinstance(wanted, str | bool):
        return knob.start
    numbers = [c for c in knob.choices if isinstance(c, int | float) and not isinstance(c, bool)]
    rising = numbers == sorted(numbers)
    milder = [c for c in numbers if (c <= wanted if rising else c >= wanted)]
    return milder[-1] if milder else knob.start
