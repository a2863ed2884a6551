"""What a study is told of a recorded trial: values, constraints, and user attributes for samplers and dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.study import StudyDirection

from ....evaluators.results.budget import Budget
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.floor import Floor
from ....evaluators.results.metric import Metric
from ....evaluators.results.metrics import Named, metric_of, value_of
from ....evaluators.results.views.policy_words import candidate_in_words
from ..record import TrialRecord

DIGEST = "digest"
"""User attribute of a trial: the digest of its policy."""
NOISE = "noise"
"""User attribute of a trial: half the 95 % interval of every objective, in its own unit."""
DIVERGENCE = "divergence"
"""User attribute of a trial: the divergence of its outputs from the uncompressed model's, where it was measured."""
FLOOR = "floor"
"""Constraint of a trial, where no budget bounds the quality: that it is of any use."""


@dataclass(frozen=True)
class Told:
    """What a study is told of a trial.

    Attributes:
        values: of the objectives, in their order; None where the trial is not complete.
        attributes: the digest of the policy, how noisy the values are, and what dashboards show.
        constraints: by name; not above 0 where the candidate meets them.
    """

    values: list[float] | None
    attributes: dict[str, Any]
    constraints: dict[str, float]

    @classmethod
    def of(
        cls,
        record: TrialRecord,
        objectives: Sequence[Metric],
        budgets: Sequence[Budget],
        baseline: Candidate,
        floor: Floor | None,
    ) -> Told:
        """Of a trial, in a search with these objectives, budgets and floor.

        Samplers learn from complete trials only; of an infeasible or failed one they are told the digest, so that none
        tries it again.
        """
        candidate, attributes = record.candidate, dict[str, Any]({DIGEST: record.policy.digest})
        if candidate is None:
            return cls(None, attributes, {})
        attributes[NOISE] = [noise_of(candidate, metric) for metric in objectives]
        attributes |= shown_attributes(candidate, objectives)
        if DIVERGENCE in candidate.metrics:
            attributes[DIVERGENCE] = candidate.metrics[DIVERGENCE].value
        constraints = {budget.text: budget.violation(candidate, baseline) for budget in budgets}
        if floor is not None:
            constraints[FLOOR] = floor.violation(candidate)
        return cls([value_of(candidate, metric) for metric in objectives], attributes, constraints)


def directions_of(objectives: Sequence[Metric]) -> list[StudyDirection]:
    """Optuna's directions of objectives."""
    return [StudyDirection.MAXIMIZE if metric.higher_is_better else StudyDirection.MINIMIZE for metric in objectives]


def shown_attributes(candidate: Candidate, objectives: Sequence[Metric]) -> dict[str, Any]:
    """What dashboards show of a trial beside its values: what was done, the other metrics, the artefact's name."""
    left_out = {DIVERGENCE, *(metric.key for metric in objectives)}
    others = {key: m.value for key, m in candidate.metrics.items() if key not in left_out}
    artifact = {} if candidate.artifact is None else {"artifact": f"artifacts/{candidate.artifact.name}"}
    return {"done": candidate_in_words(candidate), **others, **artifact}


def noise_of(candidate: Candidate, objective: Named) -> float:
    """Half the 95 % interval of an objective; for accuracy that of the paired change, as all share their images."""
    key = metric_of(objective).key
    paired = f"{key}_change"
    return candidate.metrics[paired if paired in candidate.metrics else key].half_width
