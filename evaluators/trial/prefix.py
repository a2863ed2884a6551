"""Values in the midst of a network, kept so that a copy with one change is run from that change on only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from ...spaces.network.cuts import Cut, cuts, started_at, worth_keeping
from ...spaces.tensors.batch import Outputs, Tensors, joined, named, unnamed
from ...spaces.tensors.signature import OUTPUT

KEPT_BYTES = 512e6
"""Most that the values may take. Of a network that has more of them every second one is kept, every third …"""


class Prefix:
    """A network's values on some inputs, at its cuts (behind every residual block, or every layer of a plain chain).

    Args:
        net: in evaluation mode; not to be changed afterwards.
        batches: inputs, each of shape ``(b, …)``, or several by name.
        kept_bytes: most that values may take.
    """

    def __init__(self, net: fx.GraphModule, batches: Sequence[Tensors], kept_bytes: float = KEPT_BYTES) -> None:
        self._net, self._batches = net, batches
        seen = _run(net, batches[0], watched=worth_keeping(net, cuts(net)))[1]
        kept = _within(kept_bytes / len(batches), {cut: value.nbytes for cut, value in seen.items()})
        del seen
        self._held = [_run(net, batch, watched=kept)[1] for batch in batches]

    @property
    def nbytes(self) -> int:
        """Bytes that the values take."""
        return sum(value.nbytes for held in self._held for value in held.values())

    def outputs(self, changed: fx.GraphModule) -> Tensors:
        """What a changed copy makes of all inputs, shape ``(n, …)``: the same floats as running all of it gives."""
        alike = _alike(self._net, changed)
        place = max((cut for cut in cuts(changed) if cut < alike and cut in self._held[0]), default=None)
        starts = [None if place is None else (place, held[place]) for held in self._held]
        return joined([_run(changed, batch, start)[0] for batch, start in zip(self._batches, starts, strict=True)])


def _run(
    net: fx.GraphModule, batch: Tensors, start: tuple[Cut, Tensor] | None = None, watched: Iterable[Cut] = ()
) -> tuple[Tensors, dict[Cut, Tensor]]:
    """The output, and tensors at the places that are watched; from a cut and its value on, where there is one."""
    known = {} if start is None else started_at(net, *start)
    runner = _Watch(net, frozenset(watched))
    with torch.no_grad():
        outputs: Outputs = runner.run(batch, initial_env=known)
    return unnamed(named(outputs, OUTPUT)), runner.seen


class _Watch(fx.Interpreter):
    def __init__(self, net: fx.GraphModule, watched: frozenset[Cut]) -> None:
        super().__init__(net)
        self._watched = {node: place for place, node in enumerate(net.graph.nodes) if place in watched}
        self.seen: dict[Cut, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n in self._watched and isinstance(value, Tensor):
            self.seen[self._watched[n]] = value
        return value


def _within(most: float, sizes: Mapping[Cut, int]) -> list[Cut]:
    """All cuts where their sizes come to ``most`` bytes or less; else every second one, every third …, or none."""
    cuts = sorted(sizes)
    for step in range(1, len(cuts) + 1):
        if sum(sizes[cut] for cut in cuts[::step]) <= most:
            return cuts[::step]
    return []


def _alike(net: fx.GraphModule, changed: fx.GraphModule) -> int:
    """How many of the first nodes of two networks do the same."""
    pairs = zip(net.graph.nodes, changed.graph.nodes, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: _same_node(net, changed, *pair), pairs))


def _same_node(net: fx.GraphModule, changed: fx.GraphModule, one: fx.Node, other: fx.Node) -> bool:
    if (one.op, one.name, str(one.target)) != (other.op, other.name, str(other.target)) or one.op == "get_attr":
        return False
    if str(one.args) != str(other.args) or str(one.kwargs) != str(other.kwargs):
        return False
    return one.op != "call_module" or _same(net.get_submodule(str(one.target)), changed.get_submodule(str(one.target)))


def _same(one: Any, other: Any) -> bool:
    """Whether two modules, or what they hold, are equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, nn.Module):
        return _same(vars(one), vars(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
