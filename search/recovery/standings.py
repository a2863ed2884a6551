"""Members of a run's front as the schedule sees them: costs, what they lack, what training has gained."""

from __future__ import annotations

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metrics import costs_of, useful_losses
from ..runs.run import Run
from ..runs.stores.recovered_store import Trained
from .schedule import Standing


def standing_of(run: Run, member: Candidate, trained: Trained, least: float) -> Standing:
    """How a member stands.

    Args:
        run: that it is of.
        member: as the search has measured it.
        trained: what is known of its training.
        least: seconds of a round of it that is worth its while.
    """
    objectives, axis = run.settings.searched, quality_axis(run)
    loss = costs_of(member, objectives)[axis] - costs_of(run.search_baseline, objectives)[axis]
    change = member.metrics.get(f"{run.settings.quality.key}_change")
    noise = 0.0 if change is None else change.half_width
    gains = tuple(one.gain or 0.0 if one.taken else 0.0 for one in trained.ended)
    return Standing(trained.trial, costs_of(trained.candidate or member, objectives), loss, noise, least, gains)


def quality_axis(run: Run) -> int:
    """Which of the objectives is the task's metric."""
    return [objective.key for objective in run.settings.searched].index(run.settings.quality.key)


def corner_of(run: Run) -> list[float]:
    """The reference that :meth:`Front.hypervolume` has by default."""
    baseline, objectives = run.search_baseline, run.settings.searched
    useful = useful_losses(baseline, objectives)
    return [cost + (loss or 0.0) for cost, loss in zip(costs_of(baseline, objectives), useful, strict=True)]
