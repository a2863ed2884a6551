"""Which changes to probe: as few as tell every knob's loss and saving, alike ones together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from ...spaces.knob import Choice, Knob
from ...spaces.network.graph import Layer
from ...spaces.runtime_knob import in_order
from ...spaces.space import SearchSpace
from ...spaces.stretches import stretches


@dataclass(frozen=True)
class Change:
    """Some knobs of one compressor at one choice each, to be measured together.

    Attributes:
        knobs: at least one.
        choices: one for each of the knobs.
    """

    knobs: tuple[Knob, ...]
    choices: tuple[Choice, ...]

    @property
    def params(self) -> dict[str, Choice]:
        return {knob.name: choice for knob, choice in zip(self.knobs, self.choices, strict=True)}


def cost_changes(
    space: SearchSpace, base: Mapping[str, Choice], layers: Mapping[str, Layer], at_most: int
) -> list[Change]:
    """Changes of the base that tell what every knob saves: structurally equal knobs together, as they save alike.

    Of each such class the strongest and a middle choice are measured; where that makes more than ``at_most``
    measurements, classes that follow each other are put together.
    """
    classes: dict[Hashable, list[Knob]] = {}
    for knob in space:
        if len(knob.choices) > 1:
            classes.setdefault(_structure(knob, layers), []).append(knob)
    by_compressor: dict[str, list[list[Knob]]] = {}
    for members in classes.values():
        by_compressor.setdefault(members[0].compressor, []).append(members)
    wanted = {name: sum(len(points(m[0], base[m[0].name])) for m in found) for name, found in by_compressor.items()}
    share = min(1.0, at_most / max(1, sum(wanted.values())))
    changes = []
    for found in by_compressor.values():
        parts = max(1, int(len(found) * share))
        for together in stretches(found, parts):
            knobs = tuple(knob for members in together for knob in members)
            changes += _changes(knobs, lambda knob: base[knob.name])
    return changes


def loss_changes(space: SearchSpace, base: Mapping[str, Choice], at_most: int) -> list[Change]:
    """Changes of the uncompressed model that tell what every knob loses: each alone, to the base's or a middle choice.

    The strongest choice too, for as many knobs as ``at_most`` leaves room for, spread over the network; knobs that
    follow each other are changed together where even one measurement for each is too many. Outputs are those of the
    network, which are the same in every runtime.
    """
    by_compressor: dict[str, list[Knob]] = {}
    for knob in space:
        if len(knob.choices) > 1 and in_order(knob):
            by_compressor.setdefault(knob.compressor, []).append(knob)
    total = sum(map(len, by_compressor.values()))
    share = min(1.0, at_most / max(1, total))
    middles, ends = [], []
    for members in by_compressor.values():
        for together in stretches(members, max(1, int(len(members) * share))):
            knobs = tuple(together)
            middles.append(Change(knobs, tuple(_first_look(knob, base[knob.name]) for knob in knobs)))
            last = tuple(knob.choices[-1] for knob in knobs)
            if last != middles[-1].choices:
                ends.append(Change(knobs, last))
    left = max(at_most - len(middles), min(len(ends), 3 * len(by_compressor)))
    step = max(1.0, len(ends) / max(1, left))
    return [*middles, *(ends[int(index * step)] for index in range(int(len(ends) / step)))]


def points(knob: Knob, start: Choice) -> list[Choice]:
    """The choices of a knob to measure when it leaves ``start``, strongest first.

    These are the last one, the middle one of those beyond ``start``, and the first one where ``start`` is not. Of
    runtimes, between which there is no middle, all.
    """
    if not in_order(knob):
        return [choice for choice in reversed(knob.choices) if choice != start]
    place = knob.choices.index(start)
    milder, stronger = knob.choices[:place], knob.choices[place + 1 :]
    return list(dict.fromkeys([*stronger[-1:], *stronger[(len(stronger) - 1) // 2 :][:1], *milder[:1]]))


def _first_look(knob: Knob, base: Choice) -> Choice:
    """The choice whose loss is to be known best: the base's, or the middle one where that is neutral."""
    return base if base != knob.start else points(knob, knob.start)[min(1, len(knob.choices) - 2)]


def _changes(knobs: tuple[Knob, ...], start: Callable[[Knob], Choice]) -> list[Change]:
    """The strongest change of ``knobs`` together, then the middle one."""
    each = [points(knob, start(knob)) for knob in knobs]
    most = max(map(len, each))
    return [Change(knobs, tuple(p[min(index, len(p) - 1)] for p in each)) for index in range(most)]


def _structure(knob: Knob, layers: Mapping[str, Layer]) -> Hashable:
    """What makes two knobs alike to a device: their choices, and the shapes of the layers they are about."""
    known = [layers[name] for name in knob.layers if name in layers]
    shapes = sorted((x.kind, x.in_shape, x.out_shape, x.kernel, x.stride, x.groups) for x in known)
    return (knob.compressor, knob.choices, tuple(shapes))
