"""Layers that take longer than their size lets expect: channels off the fast path, ranks too high to pay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from ..device.operator import Operator
from ..results.finding import Finding
from .executed import LAYOUT, Executed, arithmetic
from .layers_run import WeightedLayer
from .rates import Rates, Sample

_LEAST_SHARE = 0.1
_STEM = 4
"""Convolutions of so few input channels have a path of their own."""


def rates_of(models: Collection[Executed], width: int) -> Rates:
    """What layers take whose channels fit the device."""
    return Rates(
        Sample(arithmetic(operator), layer.form, layer.macs(operator), operator.us)
        for model in models
        for operator, layer in model.weighted
        if not _misfit(layer, width)
    )


def channels(model: Executed, rates: Rates, width: int) -> Iterator[Finding]:
    """Convolutions whose channels are no multiple of what the device's kernels take at once, and that pay for it."""
    counted: set[int] = set()
    for operator, layer in model.weighted:
        expected = rates.expected_us(arithmetic(operator), layer.form, layer.macs(operator))
        if not _misfit(layer, width) or expected is None:
            continue
        layouts = [o for step in (model.sources, model.readers) for o in model.passing(operator, step, LAYOUT)]
        layouts = [o for o in layouts if id(o) not in counted]
        counted.update(map(id, layouts))
        excess = operator.us - expected + sum(o.us for o in layouts)
        if excess < _LEAST_SHARE * operator.us:
            continue
        inputs, outputs = layer.channels
        odd = " and ".join(
            f"{count} {what} channels" for count, what in ((inputs, "input"), (outputs, "output")) if count % width
        )
        yield Finding(
            "channels", (layer.name,), excess,
            f"{layer.name} has {odd}: {operator.us:.0f} µs where its size lets expect {expected:.0f}"
            + (f", and {sum(o.us for o in layouts):.0f} for changes of layout" if layouts else ""),
            f"round to a multiple of {width} (round_to: {width})",
        )  # fmt: skip


def ranks(candidate: Executed, reference: Executed, rates: Rates) -> Iterator[Finding]:
    """Layers in factors that together take no less than the layer in one piece would."""
    whole = {layer.name: (operator, layer) for operator, layer in reference.weighted}
    for name, parts in _parts(candidate, whole).items():
        if len(parts) < 2:
            continue
        operator, layer = whole[name]
        own = arithmetic(parts[0][0])
        alone = operator.us if arithmetic(operator) == own else rates.expected_us(own, layer.form, layer.macs(operator))
        spent = sum(part.us for part, _ in parts)
        if alone is None or spent <= alone:
            continue
        macs = sum(part.macs(run) for run, part in parts) / max(1, layer.macs(operator))
        yield Finding(
            "rank", (name,), spent - alone,
            f"{name} in {len(parts)} factors, {macs:.2f}x its MACs, takes {spent:.0f} µs, in one piece {alone:.0f}",
            "a lower rank, or none: each factor costs a launch and a pass over its activations",
        )  # fmt: skip


def slower(candidate: Executed, reference: Executed, explained: Collection[str]) -> Iterator[Finding]:
    """Layers that both have and that take longer in the candidate, where no other finding says why.

    A layer that runs as the same operators on weights of the same shape was left as it is in the other model. It may
    take longer beside other neighbours or in a noisy reading, but there is nothing in it to mend: it is passed over.
    """
    weighted = dict.fromkeys(layer.name for _, layer in candidate.weighted)
    own_work, other_work = _work(candidate), _work(reference)
    for name, operators in ((name, candidate.layers[name]) for name in weighted):
        others = reference.layers.get(name, [])
        own, theirs = (sum(operator.us for operator in ran) for ran in (operators, others))
        if name in explained or not others or own - theirs <= _LEAST_SHARE * theirs:
            continue
        if own_work[name] == other_work.get(name):
            continue
        kind, before = (" + ".join(dict.fromkeys(o.kind for o in ran)) for ran in (operators, others))
        was = f" as {before}" if before != kind else ""
        changed = arithmetic(operators[0]) != arithmetic(others[0])
        yield Finding(
            "slower", (name,), own - theirs,
            f"{name} takes {own:.0f} µs as {kind}, {theirs:.0f}{was} in the other model",
            f"leave it in {arithmetic(others[0])}" if changed else "what was done to it does not pay on this device",
        )  # fmt: skip


def _work(model: Executed) -> dict[str, list[tuple[str, str, WeightedLayer]]]:
    """What runs each layer: kinds of operators, their arithmetic, and the layer with the shape of its weight."""
    found: defaultdict[str, list[tuple[str, str, WeightedLayer]]] = defaultdict(list)
    for operator, layer in model.weighted:
        found[layer.name].append((operator.kind, arithmetic(operator), layer))
    return found


def _misfit(layer: WeightedLayer, width: int) -> bool:
    inputs, outputs = layer.channels
    return inputs >= _STEM and (inputs % width > 0 or outputs % width > 0)


def _parts(candidate: Executed, whole: Collection[str]) -> dict[str, list[tuple[Operator, WeightedLayer]]]:
    """The candidate's layers by the layer of the reference that they stand for: its name is theirs, or begins it."""
    found: defaultdict[str, list[tuple[Operator, WeightedLayer]]] = defaultdict(list)
    for operator, layer in candidate.weighted:
        begins = [
            name for name in whole if layer.name == name or layer.name.startswith(tuple(f"{name}{c}" for c in "_./"))
        ]
        if layer.name in whole:
            found[layer.name].append((operator, layer))
        elif begins:
            found[max(begins, key=len)].append((operator, layer))
    return found
