"""The proof of a channel group: pruned alone, the network computes the same without the channels, and is emitted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from ...errors import is_of_the_host
from ...tensors.batch import Outputs, Tensors, named
from ...tensors.signature import OUTPUT
from ..graph import ChannelGroup, ModelGraph
from ..layers import is_grouped
from ..ops import Op
from ..outputs import output_problem
from ..rebuild import duplicate, twin
from .coupling import MOVING, mover_behind
from .cut import cut, layer_width
from .flow import Located, labels_of, op_of

Proof = Callable[[fx.GraphModule, Tensors], None]
"""Shows that a pruned network can be emitted and run; raises where it cannot."""
EQUAL, CLOSE = 1e-4, 1e-3
"""Largest differences, relative to the largest value: between what lies right behind a group's readers, and between
outputs, where a whole network may have made the former larger."""
KEPT_BYTES = 2**30
"""Values of the uncut network that take more than this are not kept: each group then runs the whole network."""


class Proofs:
    """Proves the channel groups of one network.

    Args:
        net: left as it is.
        graph: that describes it.
        example: the input that it is run on, or several by name.
        prove: shows that a pruned network can be emitted; nothing is asked for where None.
    """

    def __init__(self, net: fx.GraphModule, graph: ModelGraph, example: Tensors, prove: Proof | None) -> None:
        self._net, self._graph, self._example, self._prove = net, graph, example, prove
        self._values = _Values(net)
        with torch.no_grad():
            self._values.run(example)

    def failure(self, group: ChannelGroup) -> str | None:
        """Prune the group alone and run it; what went wrong, as a sentence, or None.

        A scattered quarter of the channels is kept. The pruned network must compute what the whole network computes
        once the readers ignore the removed channels; a wrong channel map that happens to fit in shape is found out by
        that. Where the values behind the last reader are equal, so is all that follows, which is not run then.
        """
        elsewhere = (
            f"its channels are not the same channels everywhere: {self._mover(group) or 'an operator'} lies between"
        )
        for part in group.slices:
            if part.locals.max(initial=-1) >= layer_width(self._net.get_submodule(part.layer), part.side):
                return elsewhere
        mixed = any(isinstance(self._net.get_submodule(s.layer), nn.LayerNorm) for s in group.slices)
        if not mixed and self._values.kept and self._is_closed(group):
            return None
        return self._failure_as_a_whole(group, None if mixed else elsewhere)

    def not_emitted(self, groups: Sequence[ChannelGroup]) -> dict[str, str]:
        """By name, the groups without which the network can be emitted, and the sentence that says so.

        All are pruned at once first; where that cannot be emitted, either half, and so on to the single ones.
        """
        if not groups or self._prove is None or self._is_emitted(groups):
            return {}
        if len(groups) == 1:
            mover = self._mover(groups[0])
            behind = f" ({mover} lies behind it)" if mover else ""
            return {groups[0].name: f"pruned alone, it gives no ONNX file that computes the same{behind}"}
        half = len(groups) // 2
        return self.not_emitted(groups[:half]) | self.not_emitted(groups[half:])

    def _is_emitted(self, groups: Sequence[ChannelGroup]) -> bool:
        assert self._prove is not None
        pruned = duplicate(self._net)
        try:
            cut(pruned, [(group, _kept(group)) for group in groups])
            self._prove(pruned, self._example)
        except Exception as error:
            if is_of_the_host(error):
                raise
            return False
        return True

    def _mover(self, group: ChannelGroup) -> str | None:
        return mover_behind(group, self._graph)

    def _is_closed(self, group: ChannelGroup) -> bool:
        """Whether the values behind the group's last reader are those of the network that ignores its channels."""
        names = {part.layer for part in group.slices}
        cut_layers = _Copies({name: twin(self._net.get_submodule(name)) for name in names})
        try:
            cut(cut_layers, [(group, _kept(group))])
            with torch.no_grad(), _ignoring(self._net, group, _kept(group)):
                return self._values.agree_behind(names, cut_layers.modules_by_name)
        except Exception as error:
            if is_of_the_host(error):
                raise
            return False

    def _failure_as_a_whole(self, group: ChannelGroup, elsewhere: str | None) -> str | None:
        """As :meth:`failure`, by the outputs; ``elsewhere`` is what to say where they differ, None not to compare."""
        pruned = duplicate(self._net)
        cut(pruned, [(group, _kept(group))])
        run = Located(pruned)
        try:
            with torch.no_grad(), _ignoring(self._net, group, _kept(group)):
                expected, got = self._net(self._example), run.run(self._example)
            problem = output_problem(self._net, got)
            if problem is not None:
                return f"pruned alone, it {problem}"
            return elsewhere if elsewhere is not None and not _all_close(expected, got) else None
        except Exception as error:
            if is_of_the_host(error):
                raise
            return _stuck(pruned, run.at)


class _Values(fx.Interpreter):
    """Runs a network and keeps what every node gives, as far as there is room."""

    def __init__(self, net: fx.GraphModule) -> None:
        super().__init__(net, garbage_collect_values=True)
        self.net = net
        self.order = {node: index for index, node in enumerate(net.graph.nodes)}
        self.of: dict[fx.Node, Any] = {}
        self._bytes = 0

    @property
    def kept(self) -> bool:
        """Whether all values are there."""
        return self._bytes <= KEPT_BYTES

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        self._bytes += sum(part.nbytes for part in _parts(value))
        if self.kept:
            self.of[n] = value
        else:
            self.of.clear()
        return value

    def agree_behind(self, changed: Collection[str], others: Mapping[str, nn.Module]) -> bool:
        """Whether two versions of the network give the same values to all that lies behind the changed layers.

        Args:
            changed: names of layers; nothing before them is run.
            others: those layers of the second version; all else is the network as it stands.
        """
        nodes = list(self.net.graph.nodes)
        last = max((self.order[node] for node in nodes if str(node.target) in changed), default=-1)
        one, two = dict[fx.Node, Any](), dict[fx.Node, Any]()
        differing: set[fx.Node] = set()
        for index, node in enumerate(nodes):
            if node.op == "output":
                break
            if node.op != "placeholder" and (
                str(node.target) in changed or any(source in one for source in node.all_input_nodes)
            ):
                one[node] = self._call(node, one, self.net.get_submodule)
                two[node] = self._call(node, two, lambda name: others.get(name) or self.net.get_submodule(name))
                if not _agree(one[node], two[node]):
                    differing.add(node)
            differing -= {source for source in differing if self._is_done(source, index)}
            if index >= last and not differing:
                return True
        return False

    def _is_done(self, node: fx.Node, index: int) -> bool:
        return all(self.order[user] <= index for user in node.users)

    def _call(self, node: fx.Node, values: Mapping[fx.Node, Any], module: Callable[[str], nn.Module]) -> Any:
        def known(source: fx.Node) -> Any:
            return values[source] if source in values else self.of[source]

        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), known)
        if node.op == "call_module":
            return module(str(node.target))(*arguments, **keywords)
        return getattr(self, node.op)(node.target, arguments, keywords)


class _Copies(nn.Module):
    """Layers by their names in a network, to be cut."""

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.modules_by_name = layers

    def get_submodule(self, target: str) -> nn.Module:
        return self.modules_by_name[target]


def _kept(group: ChannelGroup) -> list[int]:
    """A scattered quarter of a group's channels, whole units of it."""
    units = group.channels // group.unit
    chosen = np.random.default_rng(0).choice(units, max(1, units // 4), replace=False)
    return [unit * group.unit + i for unit in sorted(chosen.tolist()) for i in range(group.unit)]


@contextmanager
def _ignoring(net: nn.Module, group: ChannelGroup, keep: Collection[int]) -> Iterator[None]:
    """Meanwhile, every dense reader of the group ignores all channels but ``keep``."""
    kept = np.isin(np.arange(group.channels), list(keep))
    before: list[tuple[nn.Module, Tensor]] = []
    for part in group.readers:
        layer = net.get_submodule(part.layer)
        if not is_grouped(layer):
            weight = layer.get_parameter("weight")
            before.append((layer, weight.data))
            weight.data = weight.data.clone()
            weight.data[:, torch.from_numpy(part.locals[~kept[part.roots]])] = 0
    try:
        yield
    finally:
        for layer, data in reversed(before):
            layer.get_parameter("weight").data = data


def _stuck(net: fx.GraphModule, node: fx.Node) -> str:
    """Why a network with fewer channels cannot be run beyond a node."""
    where = f"{op_of(net, node)} {labels_of(net)[node]!r}"
    if op_of(net, node) in MOVING:
        return f"its channels pass through {where}, which fixes their number"
    if isinstance(module := net.get_submodule(str(node.target)), Op) and module.constants:
        return f"its channels pass through {where}, which holds a number for each of them"
    return f"its channels pass through {where}, which does not follow when they are pruned"


def _all_close(expected: Outputs, got: Outputs) -> bool:
    pairs = zip(named(expected, OUTPUT).values(), named(got, OUTPUT).values(), strict=True)
    return all(_close(one, other, CLOSE) for one, other in pairs)


def _parts(value: Any) -> list[Tensor]:
    """The tensors of what a node gives: one, or a tuple of several."""
    return [part for part in (value if isinstance(value, tuple | list) else (value,)) if isinstance(part, Tensor)]


def _agree(one: Any, two: Any) -> bool:
    pairs = list(zip(_parts(one), _parts(two), strict=True))
    return all(a.shape == b.shape and bool(torch.isfinite(b).all()) and _close(a, b, EQUAL) for a, b in pairs)


def _close(expected: Tensor, got: Tensor, tolerance: float) -> bool:
    """Whether the largest difference is within ``tolerance``, relative to the largest value that is expected."""
    if not expected.is_floating_point():
        return bool(torch.equal(expected, got))
    return float((got - expected).abs().max()) <= tolerance * (float(expected.abs().max()) or 1.0)
