"""Budgets on metrics that are no objectives, as further columns beside the objectives: to be met, not improved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from ...evaluators.results.budget import Budget
from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metrics import Named, metric_key
from ..runs.studies.history import Tried
from ..surrogate.sensitivity import Floats

_LEAST_DEVIATION = 1e-6


class Watched:
    """The budgets of a search whose metrics are not among its objectives, the tightest one of each metric.

    Attributes:
        metrics: that they are about.
        keys: of these in ``Candidate.metrics``.
        quality: which of them is the task's own metric; None where none is.
        bounds: what they allow, as :meth:`Budget.value_at` says it, shape ``(budgets,)``.
    """

    def __init__(self, budgets: Sequence[Budget], objectives: Sequence[Named], baseline: Candidate) -> None:
        self._baseline = baseline
        objective_keys = [metric_key(name) for name in objectives]
        others = [budget for budget in budgets if budget.metric.key not in objective_keys]
        tightest = {
            budget.metric.key: budget for budget in sorted(others, key=lambda budget: -budget.value_at(0.0, baseline))
        }
        self.keys, self._budgets = list(tightest), list(tightest.values())
        self.metrics = [budget.metric for budget in self._budgets]
        self.quality = next((i for i, budget in enumerate(self._budgets) if not budget.is_cost), None)
        self.bounds = np.array([budget.value_at(0.0, baseline) for budget in self._budgets])

    def beside(self, tried: Tried) -> Tried:
        """A trial with what it has of these metrics behind its costs."""
        if not self._budgets:
            return tried
        seen = (budget.value_at(tried.missed[budget.text], self._baseline) for budget in self._budgets)
        return replace(tried, costs=(*tried.costs, *seen))

    def met(self, means: Floats, deviations: Floats) -> Floats:
        """The probability that predictions, both ``(policies, budgets)``, keep all bounds, ``(policies,)``."""
        distances = (self.bounds - means) / np.maximum(deviations, _LEAST_DEVIATION)
        return np.asarray(np.vectorize(NormalDist().cdf, otypes=[float])(distances).prod(axis=1))
