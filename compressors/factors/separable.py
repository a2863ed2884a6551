"""A k × k convolution replaced by a cheaper one: grouped behind a shuffle, or depthwise and then pointwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from pydantic import field_validator
from torch import fx, nn

from ...spaces.knob import Choice, Knob
from ...spaces.network.channels.parts import replace_layer
from ...spaces.network.graph import ModelGraph
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions
from ..plan import Plan
from ..repaired import CompensatedOptions
from ..stage import Stage
from ..statistics.moments import Moments
from ..statistics.sampling import module_of, reads_of
from .grouping import grouped, shuffle
from .rank_one import depthwise_separable

DENSE, DEPTHWISE, GROUPED = "dense", "depthwise", "grouped_"


class SeparableOptions(CompensatedOptions):
    """Options of ``separable``.

    Attributes:
        ways: what may take a dense convolution's place: ``depthwise``, or ``grouped_N`` for N groups.
    """

    ways: tuple[str, ...] = (f"{GROUPED}2", f"{GROUPED}4", DEPTHWISE)

    @field_validator("ways")
    @classmethod
    def _ways(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) < len(value) or any(way != DEPTHWISE and _groups(way) < 2 for way in value):
            raise ValueError(f"expected a list of {DEPTHWISE} and {GROUPED}2, {GROUPED}3 …, each once")
        return value


class Separable(Compressor):
    """Replaces dense k × k convolutions, k > 1. A knob per layer; choices by falling multiply-accumulates.

    ``depthwise``: k × k within each channel, then 1 × 1 across channels; see :func:`depthwise_separable`.
    ``grouped_g``: channels shuffled, then a convolution in g groups; see :func:`grouped`. In a layer whose channels g
    no longer divides, since they were pruned, the largest smaller number of groups that does; where a choice would
    save nothing any more, the layer is left as it is. Compensation re-solves what takes the layer's place.
    """

    name = "separable"
    stage = Stage.FACTORISE
    Options: ClassVar[type[CompressorOptions]] = SeparableOptions
    options: SeparableOptions

    def plan(self, graph: ModelGraph) -> Plan:
        return Plan(self.name, self.stage, self._knobs(graph), _replace, repair=self.options.compensate)

    def _knobs(self, graph: ModelGraph) -> list[Knob]:
        knobs = []
        for layer in graph.layers:
            taps = math.prod(layer.kernel)
            if layer.kind != "conv" or len(layer.kernel) != 2 or taps == 1:
                continue
            macs = {way: _macs(way, layer.in_shape[0], layer.out_shape[0], taps) for way in (DENSE, *self.options.ways)}
            cheaper = [way for way in self.options.ways if macs[way] < macs[DENSE]]
            choices = (DENSE, *sorted(cheaper, key=lambda way: -macs[way]))
            if len(choices) > 1:
                knobs.append(Knob(self.name, layer.name, choices, DENSE, frozenset({layer.name}), layer.position))
        return knobs


def _replace(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
    calls: dict[str, list[fx.Node]] = {}
    for node in net.graph.nodes:
        calls.setdefault(str(node.target), []).append(node)
    ways: dict[str, str] = {}
    for name in (name for name in calls if name in choices):
        conv = module_of(net, calls[name][0])
        if isinstance(conv, nn.Conv2d) and conv.groups == 1:
            way = _feasible(str(choices[name]), conv)
            if way != DENSE:
                ways[name] = way
    if not ways:
        return net
    inputs, targets = context.calibration.compensation_inputs, context.calibration.targets
    with context.calibration.forward():
        moments = reads_of(net, inputs, targets, lambda _, read: Moments.of(read), ways)
    for name, way in ways.items():
        conv = net.get_submodule(name)
        assert isinstance(conv, nn.Conv2d)
        seen = moments.get(name) or Moments.unknown(conv)
        if way == DEPTHWISE:
            replace_layer(net, name, depthwise_separable(conv, seen))
        else:
            made, order = grouped(conv, _groups(way), seen)
            replace_layer(net, name, [*shuffle(net, calls[name], order), made])
    net.recompile()
    return net


def _groups(way: str) -> int:
    """The number of groups that a name like ``"grouped_4"`` gives; 0 for any other."""
    number = way.removeprefix(GROUPED)
    return int(number) if way.startswith(GROUPED) and number.isdecimal() else 0


def _macs(way: str, before: int, after: int, taps: int) -> float:
    """Multiply-accumulates for each output pixel; infinitely many where the groups do not divide the channels."""
    if way == DENSE:
        return before * after * taps
    if way == DEPTHWISE:
        return before * (taps + after)
    groups = _groups(way)
    return before * after * taps / groups if math.gcd(before, after) % groups == 0 else math.inf


def _feasible(way: str, conv: nn.Conv2d) -> str:
    """The choice that a layer, pruned perhaps, is really given."""
    before, after, taps = conv.in_channels, conv.out_channels, math.prod(conv.kernel_size)
    if way.startswith(GROUPED):
        shared = math.gcd(before, after)
        groups = max(g for g in range(1, _groups(way) + 1) if shared % g == 0)
        way = f"{GROUPED}{groups}" if groups > 1 else DENSE
    return way if _macs(way, before, after, taps) < _macs(DENSE, before, after, taps) else DENSE
