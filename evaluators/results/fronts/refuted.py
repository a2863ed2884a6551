"""A choice that the search split alone would make, and that the test split contradicts."""

from __future__ import annotations

from ..budget import Budget, all_met
from ..candidate import Candidate
from ..errors import NoCandidate
from .front import Front


def refuted(front: Front, *where: str | Budget, by: str | None = None) -> Candidate | None:
    """What :meth:`Front.select` would give if it did not ask the test split; None where that gives the same, or none.

    It is within the budgets on the search split, and not on the test split, which the final step has scored.

    Raises:
        ConfigError: as :meth:`Front.select`.
    """
    budgets = tuple(map(front.budget, where)) or front.budgets
    try:
        chosen = front.select(*budgets, by=by, tested=False)
    except NoCandidate:
        return None
    return None if all_met(budgets, chosen, front.baseline) else chosen


def contradiction(front: Front, *where: str | Budget, by: str | None = None) -> str:
    """A line that names the one that is :func:`refuted`, with both splits' numbers; ``""`` where none is."""
    candidate = refuted(front, *where, by=by)
    if candidate is None:
        return ""
    budgets = tuple(map(front.budget, where)) or front.budgets
    broken = [budget for budget in budgets if not budget.met(candidate, front.baseline)]
    told = "; ".join(budget.describe(candidate, front.baseline) for budget in broken)
    return f"{candidate.label} holds on the search split alone: {told}"
