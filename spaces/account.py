"""What of a model the knobs are about, and what is left out: what a profile shows, and a run's ``graph.json`` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .network.graph import ChannelGroup, Exclusion, ModelGraph, Port
from .space import SearchSpace


def account_json(graph: ModelGraph, space: SearchSpace) -> dict[str, Any]:
    """What the network takes and gives, layers, coupled groups, knobs and exclusions as plain values."""
    left_out = listed(graph, space)
    return {
        "params": graph.params,
        "macs": graph.macs,
        "model_params": {
            "total": sum(layer.owned for layer in graph) + sum(exclusion.params for exclusion in graph.excluded),
            "offered": offered_params(graph, space),
            "listed": sum(exclusion.params for exclusion in left_out),
        },
        "inputs": [_port(port) for port in graph.inputs],
        "outputs": [_port(port) for port in graph.outputs],
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "in_shape": list(layer.in_shape),
                "out_shape": list(layer.out_shape),
                "kernel": list(layer.kernel),
                "stride": list(layer.stride),
                "groups": layer.groups,
                "params": layer.params,
                "macs": layer.macs,
                "model_params": layer.owned,
            }
            for layer in graph.layers
        ],
        "groups": [
            {"name": group.name, "channels": group.channels, "unit": group.unit, **ends_of(group)}
            for group in graph.groups
        ],
        "knobs": [
            {
                "name": knob.name,
                "compressor": knob.compressor,
                "target": knob.target,
                "choices": list(knob.choices),
                "neutral": knob.neutral,
            }
            for knob in (*space, *space.fixed)
        ],
        "excluded": [{"name": e.name, "reason": e.reason, "model_params": e.params} for e in left_out],
    }


def listed(graph: ModelGraph, space: SearchSpace) -> list[Exclusion]:
    """All that is excluded, with the parameters of layers that no knob is about; these are listed too."""
    offered, methods = _offered(space), ", ".join(dict.fromkeys(knob.compressor for knob in space))
    left = {layer.name: layer.owned for layer in graph if layer.name not in offered}
    reason = f"none of the methods chosen has more than one choice for it ({methods})"
    others = [Exclusion(name, reason) for name in left if name not in {e.name for e in graph.excluded}]
    reasons: dict[str, dict[str, None]] = {}
    for exclusion in (*graph.excluded, *others):
        reasons.setdefault(exclusion.name, {})[exclusion.reason] = None
    params = {exclusion.name: exclusion.params for exclusion in graph.excluded}
    return [Exclusion(n, "; ".join(why), left.get(n, params.get(n, 0))) for n, why in reasons.items()]


def offered_params(graph: ModelGraph, space: SearchSpace) -> int:
    """Parameters of the layers that knobs are about."""
    offered = _offered(space)
    return sum(layer.owned for layer in graph if layer.name in offered)


def _offered(space: SearchSpace) -> frozenset[str]:
    """The layers that knobs are about."""
    return frozenset().union(*(knob.layers for knob in (*space, *space.fixed)))


def ends_of(group: ChannelGroup) -> Mapping[str, list[str]]:
    """The layers that write a group's channels, and those that read them."""
    return {
        "writers": list(dict.fromkeys(s.layer for s in group.writers)),
        "readers": list(dict.fromkeys(s.layer for s in group.readers)),
    }


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "shape": list(port.shape), "type": port.dtype}
