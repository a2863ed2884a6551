"""Work that no layer asked for: activations of their own, weights unpacked at every run, another provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ..device.operator import Operator
from ..results.finding import Finding
from .executed import Executed
from .listed import listed

ACTIVATIONS = frozenset({
    "Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "QLinearSigmoid", "QLinearLeakyRelu", "HardSigmoid",
    "HardSwish", "Tanh", "Gelu", "Softplus", "QuickGelu", "Mish",
})  # fmt: skip


def activations(model: Executed) -> Iterator[Finding]:
    """Activations that run as operators of their own right behind a layer."""
    names = {id(operator): layer.name for operator, layer in model.weighted}
    alone: defaultdict[str, list[tuple[str, Operator]]] = defaultdict(list)
    for operator in model.operators:
        before = [names[id(s)] for s in model.neighbours(operator, model.sources) if id(s) in names]
        if operator.kind in ACTIVATIONS and before:
            alone[operator.kind].append((before[0], operator))
    for kind, cases in alone.items():
        layers = tuple(dict.fromkeys(layer for layer, _ in cases))
        yield Finding(
            "activation", layers, sum(operator.us for _, operator in cases),
            f"{kind} behind {listed(layers)} is an operator of its own",
            "the runtime fuses a ReLU into the layer" + (", where nothing stands between" if kind == "Relu" else ""),
        )  # fmt: skip


def unpacked(model: Executed) -> Iterator[Finding]:
    """Weights that are computed from others anew at every run."""
    costs: dict[str, float] = {}
    kinds: dict[str, None] = {}
    counted: set[int] = set()
    for operator, layer in model.weighted:
        own = [o for o in model.beyond(operator, model.sources) if id(o) not in model.live and id(o) not in counted]
        counted.update(map(id, own))
        if own:
            costs[layer.name] = sum(o.us for o in own)
            kinds |= dict.fromkeys(o.kind for o in own)
    if costs:
        yield Finding(
            "unpacked", tuple(costs), sum(costs.values()),
            f"weights of {listed(list(costs))} are made ready at every run ({', '.join(kinds)})",
            "8-bit weights with 8-bit activations run as they are; fewer bits save bytes alone here",
        )  # fmt: skip


def elsewhere(model: Executed, chosen: str) -> Iterator[Finding]:
    """Operators that the chosen provider leaves to others."""
    others = [operator for operator in model.operators if operator.provider != chosen]
    if not others:
        return
    kinds = dict.fromkeys(operator.kind for operator in others)
    yield Finding(
        "provider", tuple(operator.name for operator in others), sum(operator.us for operator in others),
        f"{len(others)} of {len(model.operators)} operators do not run on {chosen} ({listed(list(kinds))})",
        "it does not take them; leave their layers as they are",
    )  # fmt: skip
