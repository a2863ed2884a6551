"""Structured pruning: every coupled group of channels loses its least important ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, field_validator
from torch import fx

from ...spaces.errors import Infeasible
from ...spaces.knob import Choice, Knob
from ...spaces.network.channels.cut import cut
from ...spaces.network.channels.joined import slices_left
from ...spaces.network.graph import ChannelGroup, ModelGraph
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions, RoundTo, one_of
from ..plan import Plan
from ..repaired import CompensatedOptions
from ..stage import Stage
from ..statistics.calibration import Calibration
from ..target import step_of
from .criteria import CRITERIA, importance, most_important


class PruneOptions(CompensatedOptions):
    """Options of ``prune_channels``.

    Attributes:
        criterion: which channels of a group are the least important.
        ratios: fractions of a group's channels to remove; 0 is always among them.
        seed: of the criteria that draw at random.
    """

    criterion: Annotated[str, one_of(CRITERIA)] = "l1"
    ratios: tuple[float, ...] = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75)
    round_to: RoundTo = Field(default="auto", description="kept channels are a multiple of this; auto: the device's")
    seed: int = 0

    @field_validator("ratios")
    @classmethod
    def _ratios(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or any(not 0 <= ratio < 1 for ratio in value):
            raise ValueError("expected fractions of channels to remove, each at least 0 and below 1")
        return tuple(sorted({0.0, *map(float, value)}))


class PruneChannels(Compressor):
    """Removes whole channels. A knob per group; a choice is the fraction removed, after rounding to ``round_to``."""

    name = "prune_channels"
    stage = Stage.PRUNE
    Options: ClassVar[type[CompressorOptions]] = PruneOptions
    options: PruneOptions

    def plan(self, graph: ModelGraph) -> Plan:
        groups = {group.name: group for group in graph.groups}

        def change(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            kept: list[tuple[ChannelGroup, list[int]]] = []
            for name, ratio in choices.items():
                group = groups[name]
                keep = self.kept(group, float(ratio))
                if keep < group.unit:
                    raise Infeasible(f"group {name} would keep no channel")
                scores = self._scores(group, context.calibration)
                left = replace(group, slices=slices_left(net, group.slices))
                kept.append((left, most_important(scores, keep, group.unit)))
            cut(net, kept)
            return net

        repair = self.options.compensate
        quick = "covariance" if repair in ("least_squares", "block_reconstruction") else None
        return Plan(self.name, self.stage, self._knobs(graph), change, repair=repair, quick_repair=quick)

    def _knobs(self, graph: ModelGraph) -> list[Knob]:
        knobs = []
        for group in graph.groups:
            choices = self._choices(group)
            if len(choices) > 1:
                layers, readers = (
                    frozenset({s.layer for s in slices if s.layer in graph.by_name})
                    for slices in (group.writers, group.readers)
                )
                knobs.append(Knob(self.name, group.name, choices, 0.0, layers, group.position, readers))
        return knobs

    def _scores(self, group: ChannelGroup, calibration: Calibration) -> np.ndarray:
        """The same for every candidate, so computed once a run."""
        criterion, seed = self.options.criterion, self.options.seed
        key = ("importance", criterion, seed, group.name)
        return calibration.once(key, lambda: importance(criterion, calibration.net, group, calibration, seed))

    def kept(self, group: ChannelGroup, ratio: float) -> int:
        """How many channels a ratio leaves: all at 0, else the nearest multiple, and at least one multiple."""
        if ratio == 0:
            return group.channels
        step = math.lcm(self._round_to(group), group.unit)
        wanted = group.channels * (1 - ratio)
        return min(group.channels, max(step, int(np.floor(wanted / step + 0.5)) * step))

    def _choices(self, group: ChannelGroup) -> tuple[float, ...]:
        """The mildest ratio for every width that can be reached."""
        widths: dict[int, float] = {}
        for ratio in self.options.ratios:
            widths.setdefault(self.kept(group, ratio), ratio)
        return tuple(sorted(widths.values()))

    def _round_to(self, group: ChannelGroup) -> int:
        """The multiple, halved until the group holds at least two of it: narrow layers can still be pruned."""
        return step_of(self.options.round_to, self.target, group.channels, least=2)
