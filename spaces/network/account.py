"""Every parameter of the user's model accounted for: in a layer that can be compressed, or listed with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .graph import Exclusion, Layer, ModelGraph
from .owners import Owner
from .rebuild import OWN

NORMS = frozenset(
    {"BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "RMSNormalization"}
)
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})


def account(owners: Sequence[Owner], graph: ModelGraph) -> tuple[tuple[Layer, ...], tuple[Exclusion, ...]]:
    """The layers of ``graph`` with what each owns, and an exclusion for every owner that is in none of them.

    The parameters of both add up to those of the model that its output depends on.
    """
    owned = dict.fromkeys(graph.by_name, 0)
    listed: list[Exclusion] = []
    into: dict[str, str] = {}
    norms = {node.name for node in graph.nodes if node.op == "BatchNormalization"}
    tied = {other: owner.name for owner in owners for other in owner.tied}
    for owner in owners:
        folded = owner.op == "BatchNormalization" and norms.isdisjoint({owner.name, *owner.scopes})
        layer = into.get(owner.before) if folded else _layer_of(owner, graph)
        if layer is None:
            listed.append(Exclusion(owner.name, _reason(owner, folded, tied.get(owner.name)), owner.params))
        else:
            into[owner.name] = layer
            owned[layer] += owner.params
    layers = tuple(replace(layer, owned=owned[layer.name]) for layer in graph.layers)
    return layers, tuple(listed)


def _layer_of(owner: Owner, graph: ModelGraph) -> str | None:
    names = [name for scope in (owner.name, *owner.scopes) for name in (scope, f"{scope}.{OWN}")]
    return next((name for name in names if name in graph.by_name), None)


def _reason(owner: Owner, folded: bool, tied: str | None) -> str:
    others = owner.tied or ((tied,) if tied else ())
    if others:
        names = ", ".join(name or "the model itself" for name in others)
        return f"its weight is shared with {names}: to compress one of them would untie them"
    if folded:
        return f"it is folded into {owner.before or 'the operator before it'}, which is not compressed"
    if owner.op in NORMS:
        return f"no method compresses {owner.op}; it is cut with the channels that it norms where these are pruned"
    if owner.op in RECURRENT:
        return f"no method compresses recurrent layers ({owner.op})"
    if owner.op == "Gather":
        return "no method compresses tables that are looked up (Gather)"
    if owner.op == "ConvTranspose":
        return "no method compresses transposed convolutions (ConvTranspose)"
    return f"its parameters are read by {owner.op}, which no method compresses"
