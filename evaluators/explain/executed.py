"""A model as it ran: operators with their times, how they are wired, and which layer each of them computes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from ..device.operator import Operator
from .layers_run import LayersRun, WeightedLayer

CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast"})
LAYOUT = frozenset({"Transpose", "ReorderInput", "ReorderOutput"})
FORKS = frozenset({"If"})
_INTEGERS = frozenset({"uint8", "int8", "uint4", "int4"})
_INTEGER_KINDS = frozenset({"QLinearConv", "QLinearMatMul", "QGemm", "MatMulInteger", "ConvInteger"})

Step = Callable[[Operator], list[Operator]]


class Executed:
    """One model as a device ran it.

    Attributes:
        operators: in the order in which they ran; those that only run others, which are there themselves, left out.
    """

    def __init__(self, model: Path, operators: Sequence[Operator]) -> None:
        self.operators = [operator for operator in operators if operator.kind not in FORKS]
        self._model = LayersRun(model)
        self._writers = {tensor: operator for operator in operators for tensor in operator.writes if tensor}
        self._readers: defaultdict[str, list[Operator]] = defaultdict(list)
        for operator in operators:
            for tensor in operator.reads:
                self._readers[tensor].append(operator)

    @property
    def us(self) -> float:
        """Microseconds that all operators take; the run takes a little longer."""
        return sum(operator.us for operator in self.operators)

    @cached_property
    def weighted(self) -> list[tuple[Operator, WeightedLayer]]:
        """Operators that compute a layer, with that layer."""
        owners = ((operator, self._model.owner(operator)) for operator in self.operators)
        return [(operator, layer) for operator, layer in owners if layer is not None]

    @cached_property
    def layers(self) -> dict[str, list[Operator]]:
        """The operators by the layer they compute; others by their own name."""
        owners = {id(operator): layer.name for operator, layer in self.weighted}
        found: dict[str, list[Operator]] = {}
        for operator in self.operators:
            found.setdefault(owners.get(id(operator), operator.name), []).append(operator)
        return found

    @cached_property
    def live(self) -> set[int]:
        """Identities of the operators that compute from the model's inputs, not from its weights alone."""
        first = [operator for tensor in self._model.inputs for operator in self._readers[tensor]]
        return {id(o) for start in first for o in [start, *self.beyond(start, self.readers)]}

    def sources(self, operator: Operator) -> list[Operator]:
        """The operators whose results it reads."""
        return [self._writers[tensor] for tensor in operator.reads if tensor in self._writers]

    def readers(self, operator: Operator) -> list[Operator]:
        """The operators that read its results."""
        return [reader for tensor in operator.writes for reader in self._readers[tensor]]

    def neighbours(self, operator: Operator, step: Step) -> list[Operator]:
        """What it reads from, by ``sources``, or is read by, also through changes of layout."""
        return [other for near in [operator, *self.passing(operator, step, LAYOUT)] for other in step(near)]

    def passing(self, operator: Operator, step: Step, kinds: frozenset[str]) -> list[Operator]:
        """Operators of these kinds one meets from it, by ``sources`` or ``readers``, before any of another kind."""
        return self._walk(operator, step, lambda other: other.kind in kinds)

    def beyond(self, operator: Operator, step: Step) -> list[Operator]:
        """All that lead to it, by ``sources``, or that it leads to, by ``readers``."""
        return self._walk(operator, step, lambda other: True)

    def _walk(self, start: Operator, step: Step, wanted: Callable[[Operator], bool]) -> list[Operator]:
        found: dict[int, Operator] = {}
        waiting = [start]
        while waiting:
            for other in step(waiting.pop()):
                if id(other) not in found and wanted(other):
                    found[id(other)] = other
                    waiting.append(other)
        return list(found.values())


def arithmetic(operator: Operator) -> str:
    """``"int8"`` where it computes with integers of eight bits or less, else ``"float"``."""
    integers = operator.kind in _INTEGER_KINDS or any(tensor.kind in _INTEGERS for tensor in operator.outputs)
    return "int8" if integers else "float"
