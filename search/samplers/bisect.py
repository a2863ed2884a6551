"""The cheap per-layer baseline: every knob as strong as one sensitivity threshold allows, which trials bisect."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.errors import SpaceExhausted
from ...evaluators.results.metrics import costs_of, quality_of, useful_losses
from ...spaces.errors import ConfigError
from ...spaces.knob import Choice
from ...spaces.policy import Policy
from ...spaces.runtime_knob import in_order
from ..runs.studies.history import History, Tried
from ..surrogate.sensitivity import Sensitivity
from .context import SamplerContext
from .joint_sampler import TogetherSampler

_LADDER = "ladder"
"""Key in the context's memory."""


class BisectSampler(TogetherSampler):
    """Each knob takes the strongest choice whose divergence, alone, is at most a threshold.

    So do the per-layer searches of NVIDIA's FastNAS and Qualcomm's AIMET. Each threshold that a probe has seen gives
    a policy; the first trial is the strongest of them, and each later one halves the largest gap of the front so far,
    from the uncompressed model on. Deviations: no threshold is searched for one budget, the trials are spread over the
    front; sensitivity is the divergence of the outputs, not an accuracy.

    Raises:
        ConfigError: where there are no probes.
    """

    def __init__(self, context: SamplerContext) -> None:
        if context.probe is None:
            raise ConfigError(
                "search.sampler: 'bisect' needs probes of what each knob does alone, which this evaluator does not "
                "offer; choose another, e.g. uniform"
            )
        super().__init__(context)
        self._probe = context.probe
        self._loss = quality_of(context.objectives)
        self._before = costs_of(context.baseline, context.objectives)
        self._useful = useful_losses(context.baseline, context.objectives)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        ladder = self._ladder()
        history = History.of(study)
        seen = [0, *(rung for rung, policy in enumerate(ladder) if rung and policy.digest in history.digests)]
        last = len(ladder) - 1
        if last not in seen:
            return self._context.space.encode(ladder[last])
        gaps = [(low, high) for low, high in itertools.pairwise(seen) if high - low > 1]
        if not gaps:
            raise SpaceExhausted(f"all {last} thresholds have been tried")
        costs = {rung: self._costs(history.by_digest(ladder[rung].digest), rung) for rung in seen}
        low, high = max(gaps, key=lambda gap: self._width(costs[gap[0]], costs[gap[1]], gap[1] - gap[0]))
        return self._context.space.encode(ladder[(low + high) // 2])

    def _ladder(self) -> list[Policy]:
        """The uncompressed model, then the different policies of all thresholds, mildest first."""
        if _LADDER not in self._context.memory:
            sensitivity = self._probe()
            divergence = sensitivity.divergence
            thresholds = sorted({value for values in divergence.values() for value in values if np.isfinite(value)})
            decode = self._context.space.decode
            policies = [decode(self._within(threshold, sensitivity)) for threshold in thresholds]
            self._context.memory[_LADDER] = list(dict.fromkeys([Policy(), *policies]))
        ladder: list[Policy] = self._context.memory[_LADDER]
        return ladder

    def _within(self, threshold: float, sensitivity: Sensitivity) -> dict[str, Choice]:
        """A choice for every knob; of runtimes, none of which is stronger than another, the base's."""
        losses = sensitivity.divergence
        strongest = {name: sum(value <= threshold for value in values) - 1 for name, values in losses.items()}
        return {
            knob.name: knob.choices[max(0, strongest[knob.name])] if in_order(knob) else sensitivity.base[knob.name]
            for knob in self._context.space
        }

    def _costs(self, tried: Tried | None, rung: int) -> tuple[float, ...] | None:
        """The objectives as shares of the uncompressed model's, a quality's as shares of what may be lost of it (ten
        points of accuracy); None where not measured."""
        if tried is None and rung:
            return None
        costs = self._before if tried is None else tried.costs
        return tuple(
            cost / before if useful is None else min((cost - before) / useful, 1.0)
            for cost, before, useful in zip(costs, self._before, self._useful, strict=True)
        )

    def _width(self, low: tuple[float, ...] | None, high: tuple[float, ...] | None, rungs: int) -> tuple[float, int]:
        """How much there is to learn in a gap: its length on the front, nothing where all accuracy is lost already."""
        if low is None or high is None:
            return 0.0, rungs
        if self._loss is not None and low[self._loss] >= 1.0:
            return 0.0, rungs
        return float(np.linalg.norm(np.subtract(high, low))), rungs
