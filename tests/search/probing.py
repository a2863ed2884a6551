"""Exact probes of the synthetic network: what each choice does alone."""

from __future__ import annotations

from parefront.search.sensitivity import Sensitivity
from parefront.spaces import Choice, Knob, Policy

from .synthetic import ACCURACY, SyntheticEvaluator


def probe(evaluator: SyntheticEvaluator) -> Sensitivity:
    """Losses of accuracy as divergences, and the latency that is saved."""

    def alone(knob: Knob, choice: Choice) -> tuple[float, float]:
        return evaluator.exact(evaluator.space.decode({knob.name: choice}))

    space = evaluator.space
    return Sensitivity(
        space,
        base=space.encode(Policy()),
        divergence={k.name: tuple(ACCURACY - alone(k, choice)[0] for choice in k.choices) for k in space},
        base_costs={"latency": 1.0},
        savings={"latency": {k.name: tuple(1 - alone(k, choice)[1] for choice in k.choices) for k in space}},
    )
