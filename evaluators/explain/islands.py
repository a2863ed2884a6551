"""Islands: layers in one arithmetic amid layers in another, with conversions to pay on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..device.operator import Operator
from ..results.finding import Finding
from .executed import CONVERSIONS, LAYOUT, Executed, Step, arithmetic
from .layers_run import RUN_WEIGHTED
from .listed import listed


def islands(model: Executed, reference: Executed) -> Iterator[Finding]:
    """Stretches in the arithmetic of the minority, with conversions both before and behind.

    What they cost are the conversions, and what their layers take longer than in ``reference``: amid other arithmetic
    the runtime has to run them off its fast path.
    """
    kinds = Counter(arithmetic(operator) for operator, _ in model.weighted)
    names = {id(operator): layer.name for operator, layer in model.weighted}
    for stretch in _stretches(model):
        own = arithmetic(stretch[0])
        inside = [names[id(operator)] for operator in stretch if id(operator) in names]
        if not inside or 2 * kinds[own] > kinds.total():
            continue
        before, behind = (_borders(model, stretch, step) for step in (model.sources, model.readers))
        borders = [*before, *(b for b in behind if b not in before)]
        if not (_between_layers(model, before, model.sources) and _between_layers(model, behind, model.readers)):
            continue
        around = "float" if own == "int8" else "int8"
        lost = sum(
            max(0.0, _excess(operator, reference.layers.get(names.get(id(operator), ""), []))) for operator in stretch
        )
        beside = f", {lost:.0f} µs lost in the layer itself" if lost >= 1 else ""
        yield Finding(
            "island", tuple(inside), lost + sum(b.us for b in borders),
            f"{listed(inside)} in {own} amid {around}: {len(borders)} conversions and changes of layout{beside}",
            f"run it in {around} too, or its neighbours in {own}",
        )  # fmt: skip


def _excess(operator: Operator, others: Sequence[Operator]) -> float:
    """By how many microseconds it exceeds the same layer in another model, where that has the same arithmetic."""
    alike = others and all(arithmetic(other) == arithmetic(operator) for other in others)
    return operator.us - sum(other.us for other in others) if alike else 0.0


def _stretches(model: Executed) -> list[list[Operator]]:
    """Operators of one arithmetic that are wired to each other, conversions and changes of layout left out."""
    waiting = {id(o): o for o in model.operators if o.kind not in CONVERSIONS | LAYOUT}
    stretches = []
    while waiting:
        first = waiting.pop(next(iter(waiting)))
        stretch, border = [first], [first]
        while border:
            operator = border.pop()
            for other in [o for step in (model.sources, model.readers) for o in model.neighbours(operator, step)]:
                if id(other) in waiting and arithmetic(other) == arithmetic(first):
                    border.append(waiting.pop(id(other)))
                    stretch.append(other)
        stretches.append(stretch)
    return stretches


def _borders(model: Executed, stretch: Sequence[Operator], step: Step) -> list[Operator]:
    """Conversions on one side of a stretch, with the changes of layout around them."""
    found: dict[int, Operator] = {}
    for operator in stretch:
        met = model.passing(operator, step, CONVERSIONS | LAYOUT)
        if any(other.kind in CONVERSIONS for other in met):
            found |= {id(other): other for other in met}
    return list(found.values())


def _between_layers(model: Executed, borders: Sequence[Operator], step: Step) -> bool:
    """Whether there is a conversion among them with a layer beyond it, rather than the model's input or output."""
    conversions = [border for border in borders if border.kind in CONVERSIONS]
    return any(other.kind in RUN_WEIGHTED for border in conversions for other in model.beyond(border, step))
