"""What each choice of each knob does alone, as probes have told it, and what that lets expect of whole policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...spaces.knob import Choice
from ...spaces.space import SearchSpace

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BEND = 0.6
"""The share of the base's cost up to which savings are taken to add up."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """An additive model of loss and costs.

    Attributes:
        space: the knobs.
        base: a choice for every knob, from which savings are measured: the uncompressed model, or all of it in other
            arithmetic where that pays (int8).
        divergence: for every knob and each of its choices, how far that choice alone moves the outputs from the
            uncompressed model's (nats, or relative squared error); zero where the choice is neutral, and never falling
            along the choices; zero for all runtimes, since probes are of the network.
        base_costs: by cost objective, what the base costs as a share of the uncompressed model.
        savings: by cost objective, for every knob and each of its choices, the share of the uncompressed model's cost
            that going there from the base's choice saves; negative where it costs.
        work: by cost objective, the share of the base's cost that each layer takes, by its name; missing where that is
            unknown. They sum up to one at most.
    """

    space: SearchSpace
    base: Mapping[str, Choice]
    divergence: Mapping[str, tuple[float, ...]]
    base_costs: Mapping[str, float]
    savings: Mapping[str, Mapping[str, tuple[float, ...]]]
    work: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of the cost objectives."""
        return tuple(self.base_costs)

    def indices(self, policies: Sequence[Mapping[str, Choice]]) -> Indices:
        """Each knob's choice as its place among the choices, shape ``(policies, knobs)``."""
        places = self._places
        return np.array([[of[params[name]] for name, of in places.items()] for params in policies], dtype=np.int64)

    def params(self, row: Sequence[int] | Indices) -> dict[str, Choice]:
        """A choice for every knob from places among the choices, shape ``(knobs,)``."""
        return {knob.name: knob.choices[int(index)] for knob, index in zip(self.space, row, strict=True)}

    def losses(self, rows: Indices) -> Floats:
        """The divergence that every knob contributes, shape ``(policies, knobs)``; void knobs none."""
        return np.where(self.void(rows), 0.0, self._taken(self.loss_table, rows))

    def saved(self, cost: str, rows: Indices) -> Floats:
        """The share of the uncompressed model's ``cost`` that every knob saves, ``(policies, knobs)``; void: none."""
        return np.where(self.void(rows), 0.0, self._taken(self.saving_tables[cost], rows))

    def expected_divergence(self, rows: Indices) -> Floats:
        """Sum of what the knobs contribute, shape ``(policies,)``."""
        return np.asarray(self.losses(rows).sum(axis=1))

    def expected_cost(self, cost: str, rows: Indices) -> Floats:
        """Share of the uncompressed model's cost, shape ``(policies,)``."""
        return self.cost_after(cost, self.saved(cost, rows).sum(axis=1))

    def cost_after(self, cost: str, saved: Floats) -> Floats:
        """The base's cost less what the knobs save in sum; both as shares of the uncompressed model's, of any shape.

        Beyond ``BEND`` of the base's, where savings overlap (two cuts of one layer's inputs and outputs), each
        further one saves a share of what is left: the cost stays above zero.
        """
        base = self.base_costs[cost]
        saved = saved / base
        left = (1 - BEND) * np.exp(-np.maximum(saved - BEND, 0.0) / (1 - BEND))
        return np.asarray(base * np.where(saved <= BEND, 1 - saved, left))

    def saving_to(self, cost: str, bound: float) -> float:
        """What the knobs have to save in sum for the expected cost to be ``bound``, which is above zero.

        The inverse of :meth:`cost_after`.
        """
        share = bound / self.base_costs[cost]
        saved = 1 - share if share >= 1 - BEND else BEND + (1 - BEND) * np.log((1 - BEND) / share)
        return float(self.base_costs[cost] * saved)

    def void(self, rows: Indices) -> NDArray[np.bool_]:
        """Which knobs have no effect, as another one removes their layers or overrules them, ``(policies, knobs)``."""
        voiding, voided = self._voided
        return np.asarray((rows[:, voiding] != self.neutral[voiding]).astype(np.float32) @ voided > 0)

    @cached_property
    def neutral(self) -> Indices:
        """The place of every knob's neutral choice."""
        return np.array([knob.choices.index(knob.start) for knob in self.space], dtype=np.int64)

    @cached_property
    def voids(self) -> dict[int, list[int]]:
        """For the place of a knob those of the knobs that are void when it leaves its neutral choice."""
        names = [knob.name for knob in self.space]
        found: dict[int, list[int]] = {}
        for index, knob in enumerate(self.space):
            gone = self.space.removes.get(knob.name, frozenset())
            void = [
                other
                for other, inner in enumerate(self.space)
                if other != index and gone and _within(inner.layers, self.space.removes.get(inner.name), gone)
            ]
            void += [names.index(name) for name in sorted(self.space.overrules.get(knob.name, ()))]
            if void:
                found[index] = void
        return found

    @cached_property
    def _voided(self) -> tuple[list[int], NDArray[np.float32]]:
        """Places of the knobs that make others void, and 1 where one of them does so to the knob of a column."""
        voiding = sorted(self.voids)
        voided = np.zeros((len(voiding), len(self.space)), dtype=np.float32)
        for row, index in enumerate(voiding):
            voided[row, self.voids[index]] = 1
        return voiding, voided

    @cached_property
    def about(self) -> dict[str, Floats]:
        """By cost of ``work``, 1 where the knob of a row changes the layer of a column, ``(knobs, layers)``."""
        return {
            cost: np.array([[float(layer in knob.layers | knob.readers) for layer in layers] for knob in self.space])
            for cost, layers in self.work.items()
        }

    @cached_property
    def _places(self) -> dict[str, dict[Choice, int]]:
        return {knob.name: {choice: place for place, choice in enumerate(knob.choices)} for knob in self.space}

    @cached_property
    def loss_table(self) -> Floats:
        """Divergence by knob and choice, infinite where a knob has fewer choices, ``(knobs, most choices)``."""
        return self._table(self.divergence)

    @cached_property
    def saving_tables(self) -> dict[str, Floats]:
        """By cost, the same of savings."""
        return {cost: self._table(by_knob) for cost, by_knob in self.savings.items()}

    def _table(self, values: Mapping[str, Sequence[float]]) -> Floats:
        most = max(len(knob.choices) for knob in self.space)
        rows = [[*values[knob.name], *[np.inf] * (most - len(knob.choices))] for knob in self.space]
        return np.array(rows, dtype=float)

    @staticmethod
    def _taken(table: Floats, rows: Indices) -> Floats:
        return np.asarray(table[np.arange(table.shape[0])[None, :], rows])


def _within(layers: frozenset[str], removes: frozenset[str] | None, gone: frozenset[str]) -> bool:
    """Whether a knob is void once the layers ``gone`` are; one that removes layers itself, only inside a larger one."""
    return removes < gone if removes is not None else bool(layers) and layers <= gone
