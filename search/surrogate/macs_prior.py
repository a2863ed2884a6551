"""What stands in for probes where there are none: savings in proportion to the MACs of a knob's layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...spaces.knob import Knob
from ...spaces.network.graph import Layer
from ...spaces.space import SearchSpace
from .sensitivity import Sensitivity

MOST = 0.9
"""Share of a layer's cost that all knobs about it save together at their strongest; where one removes it, all of it."""


def assumed_sensitivity(space: SearchSpace, layers: Mapping[str, Layer], cost: str) -> Sensitivity:
    """Savings that rise evenly along the choices of a knob, up to its part of its layers' MACs.

    Knobs about the same layer share ``MOST`` of it evenly, but for those that remove it. Layers that are not known
    count alike. Divergences are zero: nothing is known of them.

    Args:
        space: the knobs.
        layers: of the uncompressed model, by name.
        cost: name of the objective that the savings are said to be of.
    """
    names = set().union(*(_about(space, knob) for knob in space))
    weights = {name: float(layers[name].macs if name in layers else 1) for name in names}
    total = sum(weights.values()) or 1.0
    sharing = Counter(name for knob in space if knob.name not in space.removes for name in _about(space, knob))

    def savings(knob: Knob) -> tuple[float, ...]:
        parts = [1.0 if knob.name in space.removes else MOST / sharing[name] for name in _about(space, knob)]
        most = sum(part * weights[name] for part, name in zip(parts, _about(space, knob), strict=True)) / total
        start, steps = knob.choices.index(knob.start), max(1, len(knob.choices) - 1)
        return tuple(most * (place - start) / steps for place in range(len(knob.choices)))

    return Sensitivity(
        space,
        base={knob.name: knob.start for knob in space},
        divergence={knob.name: (0.0,) * len(knob.choices) for knob in space},
        base_costs={cost: 1.0},
        savings={cost: {knob.name: savings(knob) for knob in space}},
    )


def _about(space: SearchSpace, knob: Knob) -> list[str]:
    return sorted(space.removes.get(knob.name, knob.layers) or {knob.target})
