"""PEEL: a uniform network that is cut too deeply, whose spare is given back to the layers that need it most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.errors import SpaceExhausted
from ...spaces.errors import ConfigError
from ...spaces.messages import did_you_mean
from ...spaces.policy import Policy
from ..runs.studies.history import tried_digests
from ..surrogate.sensitivity import Floats, Indices, Sensitivity
from .context import SamplerContext
from .joint_sampler import TogetherSampler
from .options import read_options
from .van_der_corput import van_der_corput

TARGETS = 64
"""Costs that policies are made for, before the search is told that there are no more."""


@dataclass(frozen=True)
class PeelOptions:
    """Options of ``peel``.

    Attributes:
        compressor: whose knobs are the layers' groups; those of others keep what the probes' base has.
        over: how much more is cut off the backbone than the target asks for, as a share of the target.
    """

    compressor: str = "prune_channels"
    over: float = 0.25

    def __post_init__(self) -> None:
        if not isinstance(self.over, (int, float)) or not 0 < self.over < 1:
            raise ConfigError(f"sampler_options.over: expected a share between 0 and 1, got {self.over!r}")


class PeelSampler(TogetherSampler):
    """Network pruning via resource reallocation (Hou et al. 2021, arXiv 2103.01847), at a ladder of costs.

    For each target: the mildest *backbone* that costs at most ``1 - over`` of it, with one choice for all groups; the
    *importance* of each group, which is what its choice costs the network; and in one round the *reallocation* of
    what the backbone is cheaper than the target, in shares of importance. What shares leave over goes to the most
    important groups that it suffices for. Targets go from the base's cost down to the strongest backbone's, middle
    first. The paper's retraining with distillation is ``recover:``.

    Deviations: importance is the divergence that a probe has measured for the group's cut, of which the paper's first
    Taylor term is an estimate; the cost is the first one of the objectives, as probes expect it, in place of MACs.

    Raises:
        ConfigError: where there are no probes, or ``compressor`` has no knobs.
    """

    def __init__(self, context: SamplerContext) -> None:
        if context.probe is None:
            raise ConfigError("search.sampler: 'peel' needs an evaluator that can probe; choose another, e.g. uniform")
        super().__init__(context)
        self._probe, self._options = context.probe, read_options(PeelOptions, context.options, "peel")
        self._groups = [i for i, knob in enumerate(context.space) if knob.compressor == self._options.compressor]
        if not self._groups:
            names = sorted({knob.compressor for knob in context.space})
            hint = did_you_mean(self._options.compressor, names)
            raise ConfigError(f"sampler_options.compressor: no knobs of {self._options.compressor!r}{hint}")

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        tried, space = tried_digests(study) | {Policy().digest}, self._context.space
        for policy in self._policies(self._probe()):
            if policy.digest not in tried:
                return space.encode(policy)
        raise SpaceExhausted(f"all {TARGETS} targets have been tried")

    def _policies(self, sensitivity: Sensitivity) -> Iterator[Policy]:
        if not sensitivity.costs:
            raise ConfigError("search.sampler: 'peel' needs a cost among the objectives, e.g. latency or macs")
        cost, backbones = sensitivity.costs[0], self._backbones(sensitivity)
        costs = sensitivity.expected_cost(cost, backbones)
        for index in range(1, TARGETS + 1):
            target = costs[0] + van_der_corput(index) * (costs[-1] - costs[0])
            enough = np.flatnonzero(costs <= (1 - self._options.over) * target)
            backbone = backbones[enough[0] if enough.size else -1]
            row = reallocated(sensitivity, cost, backbone, self._groups, float(target))
            yield self._context.space.decode(sensitivity.params(row))

    def _backbones(self, sensitivity: Sensitivity) -> Indices:
        """One choice for all groups, mildest first, shape ``(levels, knobs)``; a group with fewer has its strongest."""
        knobs = list(self._context.space)
        base = sensitivity.indices([sensitivity.base])[0]
        last = np.array([len(knobs[group].choices) - 1 for group in self._groups])
        backbones = np.tile(base, (last.max() + 1, 1))
        for level in range(len(backbones)):
            backbones[level, self._groups] = np.maximum(base[self._groups], np.minimum(level, last))
        return backbones


def reallocated(sensitivity: Sensitivity, cost: str, backbone: Indices, groups: list[int], target: float) -> Indices:
    """A backbone whose groups get back in one round what it is cheaper than the target, shape ``(knobs,)``.

    Args:
        sensitivity: what each choice alone saves and loses.
        cost: the objective that is shared out.
        backbone: places of choices, ``(knobs,)``.
        groups: places of the knobs that share.
        target: of the cost, as a share of the uncompressed model's.

    Returns:
        The backbone itself where it costs as much as the target or more.
    """
    row, base = backbone.copy(), sensitivity.indices([sensitivity.base])[0]
    importance: Floats = sensitivity.losses(row[None])[0][groups]
    spare = target - float(sensitivity.expected_cost(cost, row[None])[0])
    total, table = float(importance.sum()), sensitivity.saving_tables[cost]
    if spare <= 0 or total <= 0:
        return row
    for group, weight in zip(groups, importance, strict=True):
        dearer = table[group, row[group]] - table[group, : row[group]]
        fits = [place for place in range(base[group], row[group]) if dearer[place] <= spare * weight / total]
        row[group] = min([*fits, row[group]])
    for group in np.array(groups)[np.argsort(-importance, kind="stable")]:
        while row[group] > base[group]:
            milder = row.copy()
            milder[group] -= 1
            if sensitivity.expected_cost(cost, milder[None])[0] > target:
                break
            row = milder
    return row
