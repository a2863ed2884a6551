"""The multiple-choice knapsack: one choice for every knob, least loss within budgets on costs, solved exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from .sensitivity import Floats, Indices, Sensitivity

GAP = 1e-3
"""A solution this close to the best possible, relative, is good enough."""
NODES = 5000
"""Of the branching at most, so that what is found does not depend on how busy the machine is."""


class Knapsack:
    """The knapsack of a space: min Σ loss subject to cost ≤ budget, for as many budgets at once as there are costs.

    A binary variable for each choice of each knob that is not the base's; at most one is taken for a knob; a knob that
    another one voids stays at the base's choice. Solved with HiGHS (Huangfu & Hall 2018).

    Args:
        sensitivity: what each choice loses and saves.
        scale: by cost objective, and ``""`` for the loss, a factor for every knob that its entries are corrected by,
            shape ``(knobs,)``.
    """

    def __init__(self, sensitivity: Sensitivity, scale: Mapping[str, Floats] | None = None) -> None:
        self._sensitivity = sensitivity
        scale = scale or {}
        self._base = sensitivity.indices([sensitivity.base])[0]
        self._columns = [
            (knob, place)
            for knob, of in enumerate(sensitivity.space)
            for place in range(len(of.choices))
            if place != self._base[knob]
        ]
        names = [knob.name for knob in sensitivity.space]
        factor = scale.get("", np.ones(len(names)))
        held = [sensitivity.divergence[name][self._base[k]] * factor[k] for k, name in enumerate(names)]
        self._base_loss = float(sum(held))
        self._loss = np.array(
            [
                sensitivity.divergence[names[k]][place] * factor[k]
                - held[k]
                - (sum(held[void] for void in sensitivity.voids.get(k, ())) if place != sensitivity.neutral[k] else 0.0)
                for k, place in self._columns
            ]
        )
        self._saving = {
            cost: np.array([by_knob[names[k]][place] for k, place in self._columns])
            * scale.get(cost, np.ones(len(names)))[[k for k, _ in self._columns]]
            for cost, by_knob in sensitivity.savings.items()
        }
        self._rules = self._one_choice_each()

    def least_loss(self, budgets: Mapping[str, float]) -> Indices | None:
        """The choices of least total loss within ``budgets``: shares of the uncompressed model's, by cost objective.

        Returns:
            Places among the choices, shape ``(knobs,)``, or None where no choices meet the budgets.
        """
        spare = [(-self._saving[cost], -self._sensitivity.saving_to(cost, bound)) for cost, bound in budgets.items()]
        return self._solve(self._loss, spare)

    def least_cost(self, cost: str, loss: float | None = None) -> Indices:
        """The cheapest choices, among those of at most a total ``loss`` where one is given."""
        within = [] if loss is None else [(self._loss, max(0.0, loss - self._base_loss))]
        found = self._solve(-self._saving[cost] + 1e-9 * self._loss, within)
        return self._base if found is None else found

    def _solve(self, goal: Floats, at_most: list[tuple[Floats, float]]) -> Indices | None:
        if not self._columns:
            return None if any(bound < 0 for _, bound in at_most) else self._base.copy()
        constraints = [self._rules, *(LinearConstraint(row[None, :], -np.inf, bound) for row, bound in at_most)]
        with _quiet():
            found = milp(
                goal,
                integrality=np.ones(len(goal)),
                bounds=Bounds(0, 1),
                constraints=constraints,
                options={"mip_rel_gap": GAP, "node_limit": NODES},
            )
        if found.x is None:
            return None
        return self._row(np.asarray(found.x) > 0.5)

    def _row(self, taken: NDArray[np.bool_]) -> Indices:
        row: Indices = self._base.copy()
        for (knob, place), is_taken in zip(self._columns, taken, strict=True):
            if is_taken:
                row[knob] = place
        return row

    def _one_choice_each(self) -> LinearConstraint:
        """At most one choice of a knob, and none of one that is void."""
        of_knob: dict[int, list[int]] = {}
        for column, (knob, _) in enumerate(self._columns):
            of_knob.setdefault(knob, []).append(column)
        rows = list(of_knob.values())
        for knob, void in self._sensitivity.voids.items():
            removing = [c for c in of_knob.get(knob, []) if self._columns[c][1] != self._sensitivity.neutral[knob]]
            rows += [[*removing, *of_knob[other]] for other in void if other in of_knob and removing]
        where = [(row, column) for row, columns in enumerate(rows) for column in columns]
        at = ([row for row, _ in where], [column for _, column in where])
        matrix = coo_array((np.ones(len(where)), at), shape=(len(rows), len(self._columns))).tocsr()
        return LinearConstraint(matrix, -np.inf, 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard output goes nowhere: HiGHS leaves a debugging line there at times, whatever it is told."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
