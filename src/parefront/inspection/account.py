"""What of a model the knobs are about, and what is left out: the account that a profile gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..spaces.network.graph import ChannelGroup, Exclusion, ModelGraph
from ..spaces.space import SearchSpace


def listed(graph: ModelGraph, space: SearchSpace) -> list[Exclusion]:
    """All that is excluded, with the parameters of layers that no knob is about; these are listed too."""
    offered, methods = _offered(space), ", ".join(dict.fromkeys(knob.compressor for knob in space))
    left = {layer.name: layer.owned for layer in graph if layer.name not in offered}
    reason = f"none of the methods chosen has more than one choice for it ({methods})"
    others = [Exclusion(name, reason) for name in left if name not in {e.name for e in graph.excluded}]
    return [replace(e, params=left.pop(e.name, e.params)) for e in (*graph.excluded, *others)]


def offered_params(graph: ModelGraph, space: SearchSpace) -> int:
    """Parameters of the layers that knobs are about."""
    offered = _offered(space)
    return sum(layer.owned for layer in graph if layer.name in offered)


def _offered(space: SearchSpace) -> frozenset[str]:
    """The layers that knobs are about."""
    return frozenset().union(*(knob.layers for knob in space))


def ends_of(group: ChannelGroup) -> Mapping[str, list[str]]:
    """The layers that write a group's channels, and those that read them."""
    return {
        "writers": list(dict.fromkeys(s.layer for s in group.writers)),
        "readers": list(dict.fromkeys(s.layer for s in group.readers)),
    }
