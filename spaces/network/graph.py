"""What tracing found: layers in execution order, how data flows, coupled channels, and what is excluded and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np

from ..errors import ConfigError
from ..messages import nearest

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """A tensor that the network takes or gives, as the ONNX file calls it.

    Attributes:
        name: ``input`` or ``output`` where there is no other.
        shape: of one sample, without the batch axis.
        dtype: ``"float32"``, ``"int64"``, ``"bool"`` …
    """

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with weights.

    Attributes:
        name: the user's name of the module.
        kind: ``"conv"``, ``"depthwise"``, ``"grouped"`` or ``"linear"``.
        in_shape, out_shape: of one sample, without the batch axis.
        params: number of weights and biases, with batch norms folded in.
        macs: multiply-accumulates for one sample.
        groups, kernel, stride: of a convolution; 1 and empty for a linear layer.
        position: index in execution order among all layers.
        owned: number of parameters of the user's model that it holds, those of a batch norm folded into it included.
    """

    name: str
    kind: str
    in_shape: Shape
    out_shape: Shape
    params: int
    macs: int
    groups: int
    kernel: Shape
    stride: Shape
    position: int
    owned: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The pixels that one place of an output reads; each attribute has an entry for every axis of the image.

    Attributes:
        kernel, stride, dilation: in pixels.
        begin, end: padding before the first and behind the last pixel.
    """

    kernel: Shape
    stride: Shape
    dilation: Shape
    begin: Shape
    end: Shape

    def places(self, image: Shape) -> Shape:
        """Height and width of the output for an image of this height and width."""
        axes = zip(image, self.kernel, self.stride, self.dilation, self.begin, self.end, strict=True)
        return tuple((size + b + e - d * (k - 1) - 1) // s + 1 for size, k, s, d, b, e in axes)


@dataclass(frozen=True, slots=True)
class Node:
    """One step of the computation.

    Attributes:
        name: the layer's name, or the operator's own.
        op: ONNX operator (``"Conv"``, ``"Add"`` …), or ``"input"`` or ``"output"``.
        inputs: names of the nodes it reads, constants left out.
        shape: of its (first) output for one sample, without the batch axis.
        window: of a convolution or a pool; else None.
        layer: the layer that it runs, whose name it has unless it is a later call of it; "" for all other operators.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: Shape
    window: Window | None = None
    layer: str = ""


@dataclass(frozen=True, eq=False)
class Slice:
    """One end of a coupled group: which of a layer's channels go when the group's channels go.

    Attributes:
        layer: the module's name.
        side: ``"out"`` (weight axis 0) or ``"in"`` (weight axis 1).
        roots: shape ``(n,)``, channels of the group.
        locals: shape ``(n,)``, the layer's channel that belongs to each of ``roots``.
    """

    layer: str
    side: str
    roots: np.ndarray
    locals: np.ndarray


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels that can only be removed together.

    Attributes:
        name: the first layer that writes them.
        channels: how many there are.
        unit: how many neighbouring ones must go together (the width of a grouped convolution's groups; else 1).
        slices: every place to cut.
        position: of the first layer, in execution order.
    """

    name: str
    channels: int
    unit: int
    slices: tuple[Slice, ...]
    position: int

    @property
    def writers(self) -> tuple[Slice, ...]:
        return tuple(s for s in self.slices if s.side == "out")

    @property
    def readers(self) -> tuple[Slice, ...]:
        return tuple(s for s in self.slices if s.side == "in")


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Something that cannot be compressed, and why.

    Attributes:
        name: of a layer, or of a module (or parameter) of the user's model that is no layer.
        reason: one sentence.
        params: number of parameters of the user's model that it holds; 0 for a layer, which counts its own.
    """

    name: str
    reason: str
    params: int = 0


@dataclass(frozen=True, eq=False)
class ModelGraph:
    """A traced network.

    Attributes:
        layers: in execution order.
        nodes: the whole computation in execution order.
        groups: channel groups, each proved by pruning it alone, running and emitting it.
        excluded: what is not compressed, with the reason.
        output_layers: layers whose outputs are the model's (their channels are the classes).
        inputs, outputs: what the network takes and gives, in order.
    """

    layers: tuple[Layer, ...]
    nodes: tuple[Node, ...]
    groups: tuple[ChannelGroup, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    output_layers: frozenset[str] = frozenset()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def node(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def readers(self) -> dict[str, tuple[str, ...]]:
        """For each node, the nodes that read it, in execution order."""
        found: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for source in dict.fromkeys(node.inputs):
                found[source].append(node.name)
        return {name: tuple(readers) for name, readers in found.items()}

    @cached_property
    def shared(self) -> frozenset[str]:
        """The layers that are called more than once."""
        return frozenset(node.layer for node in self.nodes if node.layer and node.name != node.layer)

    def matching(self, patterns: Sequence[str]) -> frozenset[str]:
        """The names of the layers that any of the patterns matches, which are those of :mod:`fnmatch`.

        Raises:
            ConfigError: for a pattern that matches none.
        """
        found: set[str] = set()
        for pattern in patterns:
            matched = [name for name in self.by_name if fnmatchcase(name, pattern)]
            if not matched:
                raise ConfigError(f"exclude: no layer matches {pattern!r}{nearest(pattern, self.by_name)}")
            found.update(matched)
        return frozenset(found)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.layers)
