"""Neighbouring layers, found in the data flow: what one layer feeds alone, through an activation at most."""

from __future__ import annotations

from ...spaces.network.graph import ModelGraph

ACTIVATIONS = frozenset(
    {"Abs", "Add", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "Greater", "HardSigmoid", "HardSwish",
     "LeakyRelu", "LessOrEqual", "Log", "Max", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow", "Relu", "Selu", "Sigmoid",
     "Softplus", "Softsign", "Sqrt", "Sub", "Tanh", "Where"}
)  # fmt: skip
"""Element-wise operators that an activation is made of: x · σ(x) is a Sigmoid and a Mul."""

POOLS = frozenset({"AveragePool", "MaxPool"})


def layer_before(graph: ModelGraph, name: str) -> str | None:
    """The layer whose output goes, through element-wise operators alone, into the node ``name`` and nowhere else."""
    sources: set[str] = set()
    between: set[str] = set()
    stack = list(graph.node[name].inputs)
    while stack:
        source = stack.pop()
        if source in graph.by_name:
            sources.add(source)
        elif graph.node[source].op not in ACTIVATIONS:
            return None
        elif source not in between:
            between.add(source)
            stack.extend(graph.node[source].inputs)
    if len(sources) != 1:
        return None
    (layer,) = sources
    shape, inside = graph.node[layer].shape, {*between, name}
    alone = all(inside.issuperset(graph.readers[node]) for node in (layer, *between))
    return layer if alone and all(graph.node[node].shape == shape for node in between) else None


def pools_behind(graph: ModelGraph) -> dict[str, str]:
    """For each layer that a pool alone reads, that pool."""
    before = {node.name: layer_before(graph, node.name) for node in graph.nodes if node.op in POOLS}
    return {layer: pool for pool, layer in before.items() if layer is not None}
