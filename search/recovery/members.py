"""Which members of a run's front are trained."""

from __future__ import annotations

from collections.abc import Sequence

from ...evaluators.results.budget import Budget, all_met
from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metric import Metric
from ...evaluators.results.metrics import costs_of
from ...spaces.policy import Policy
from ...spaces.runtime_knob import without_runtime
from ..runs.run import Run


def members_of(run: Run) -> list[Candidate]:
    """The front of what the search has measured, untrained, the costliest first.

    Of the run's budgets those on the quality do not count here: what was cut deeply gains tens of points, and ends
    within them. A candidate that is no worse than the uncompressed model, but for noise, has nothing to gain, and is
    left out, unless what is trained is taken in any case.
    """
    settings, baseline = run.settings, run.search_baseline
    quality = settings.quality
    costs = [budget for budget in settings.budgets if budget.metric.key != quality.key]
    wanted = [Budget.parse(text, quality) for text in run.recover.where] or costs
    measured = [record.candidate for record in run.trials if record.candidate is not None]
    within = [c for c in measured if not c.stopped_early and all_met(wanted, c, baseline)]
    front = run.front_of(within, baseline)
    worse = [c for c in front if run.recover.takes_all or _is_worse(c, quality)]
    return sorted(worse, key=lambda c: costs_of(c, front.objectives)[::-1], reverse=True)


def but_for_runtimes(members: Sequence[Candidate]) -> list[list[Candidate]]:
    """The members in groups that differ by their runtime alone, each in the order of ``members``, as are the groups."""
    alike: dict[Policy, list[Candidate]] = {}
    for member in members:
        alike.setdefault(without_runtime(member.policy), []).append(member)
    return list(alike.values())


def _is_worse(candidate: Candidate, quality: Metric) -> bool:
    """Whether a candidate is worse than the uncompressed model beyond noise."""
    change = candidate.metrics.get(f"{quality.key}_change")
    if change is None:
        return True
    return change.high < 0 if quality.higher_is_better else change.low > 0
