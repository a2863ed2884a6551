"""Sampled input patches and outputs of layers: what least squares sees of a network."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, fx, nn

from ...spaces.network.channels.flow import labels_of
from ...spaces.network.layers import WEIGHTED, is_grouped, onnx_pads
from ...spaces.tensors.batch import Tensors

Kept = TypeVar("Kept")

COVARIANCE_FLOPS = 2e9
"""What the covariance of one layer's inputs may take, unless that left fewer than 2,304 samples."""


@dataclass(frozen=True, eq=False)
class LayerOutputs:
    """What the uncompressed network computes at sampled places behind one layer.

    Attributes:
        rows: shape ``(images, places)``, flat indices of output places (pixels, or positions of a sequence).
        outputs: shape ``(images * places, out)``, the layer's outputs there.
        sums: the same places behind the addition that the layer's output goes into, and into nothing else; or None.
    """

    rows: Tensor
    outputs: Tensor
    sums: Tensor | None


def is_dense(layer: nn.Module) -> bool:
    """Whether every output of the layer reads every input channel, so that least squares can re-solve it."""
    return isinstance(layer, nn.Conv2d | nn.Linear) and not is_grouped(layer)


def module_of(net: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return net.get_submodule(str(node.target)) if node.op == "call_module" else None


def has_weights(net: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node calls a module with parameters."""
    module = module_of(net, node)
    return module is not None and any(True for _ in module.parameters())


def closing(net: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """The addition that a layer's output goes into and into nothing else, or None."""
    users = list(node.users)
    if len(users) != 1 or getattr(module_of(net, users[0]), "op_type", "") != "Add":
        return None
    return users[0] if len(users[0].all_input_nodes) == 2 else None


_AIM = "aim"


def aim(node: fx.Node, pool: fx.Node) -> None:
    """Note that a convolution takes over its pool's stride: it is to give what the pool would make of its outputs."""
    node.meta[_AIM] = pool.name


def aim_of(node: fx.Node) -> str:
    """The name in ``targets_of`` of what a layer is to give: its node's, or the pool's that it has taken over."""
    return str(node.meta.get(_AIM, node.name))


def targets_of(net: fx.GraphModule, inputs: Tensors, pools: Mapping[str, str] | None = None) -> dict[str, LayerOutputs]:
    """The targets of every dense layer, by node name, from one pass over ``inputs``.

    Args:
        pools: for labels of layers that of a pool behind; under that pool's name stands the pooled layer's target,
            the activation between them left out.
    """
    return _Collect(net).collect(inputs, pools or {})


class _Collect(fx.Interpreter):
    def collect(self, inputs: Tensors, pools: Mapping[str, str]) -> dict[str, LayerOutputs]:
        net = self.module
        assert isinstance(net, fx.GraphModule)
        nodes = {label: node for node, label in labels_of(net).items()}
        self.pools = {nodes[layer]: nodes[pool] for layer, pool in pools.items()}
        self.found: dict[str, LayerOutputs] = {}
        self.waiting: dict[fx.Node, list[tuple[str, nn.Module]]] = {}
        with torch.no_grad():
            self.run(inputs)
        return self.found

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        net = self.module
        assert isinstance(net, fx.GraphModule)
        for name, before in self.waiting.pop(n, []):
            known = self.found[name]
            assert isinstance(value, Tensor)
            if all(self.env[operand].shape == value.shape for operand in n.all_input_nodes):
                self.found[name] = LayerOutputs(known.rows, known.outputs, at_rows(before, value, known.rows))
        layer = module_of(net, n)
        if isinstance(layer, WEIGHTED) and is_dense(layer) and isinstance(value, Tensor):
            self.found[n.name] = _sample(value, layer, n.name)
            if n in self.pools:
                pool = self.pools[n]
                self.found[pool.name] = _sample(net.get_submodule(str(pool.target))(value), layer, pool.name)
            end = closing(net, n)
            if end is not None:
                self.waiting.setdefault(end, []).append((n.name, layer))
        return value


def _sample(output: Tensor, layer: nn.Module, name: str) -> LayerOutputs:
    rows = choose_rows(output, layer, name)
    return LayerOutputs(rows, at_rows(layer, output, rows), None)


def reads_of(
    net: fx.GraphModule,
    inputs: Tensors,
    targets: Mapping[str, LayerOutputs] | None,
    keep: Callable[[nn.Module, Tensor], Kept],
    names: Collection[str] | None = None,
) -> dict[str, Kept]:
    """What dense layers read at the places of their targets, by module name, from one pass over ``inputs``.

    The patches of a layer that is called more than once are those of all its calls, one call after the other.

    Args:
        targets: None to take any layer, at random places.
        keep: is given a layer and its :func:`patches`; what it returns is kept, so that patches need not be.
        names: of the modules concerned; all where None.
    """
    reader = _Read(net, targets, keep, names)
    with torch.no_grad():
        reader.run(inputs)
    return reader.found


class _Read(fx.Interpreter, Generic[Kept]):
    def __init__(
        self,
        net: fx.GraphModule,
        targets: Mapping[str, LayerOutputs] | None,
        keep: Callable[[nn.Module, Tensor], Kept],
        names: Collection[str] | None,
    ) -> None:
        super().__init__(net)
        self.net, self.targets, self.keep, self.names = net, targets, keep, names
        self.found: dict[str, Kept] = {}
        self.last = {str(node.target): node for node in net.graph.nodes}
        self.waiting: dict[str, list[Tensor]] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        name, layer = str(n.target), module_of(self.net, n)
        if layer is None or not is_dense(layer) or (self.names is not None and name not in self.names):
            return value
        assert isinstance(value, Tensor)
        rows = self._rows(n.name, layer, value)
        if rows is not None:
            source = self.env[n.all_input_nodes[0]]
            assert isinstance(source, Tensor)
            self.waiting.setdefault(name, []).append(patches(layer, source, output_width(layer, source), rows))
        if n is self.last[name] and name in self.waiting:
            read = self.waiting.pop(name)
            self.found[name] = self.keep(layer, torch.cat(read) if len(read) > 1 else read[0])
        return value

    def _rows(self, name: str, layer: nn.Module, output: Tensor) -> Tensor | None:
        if self.targets is None:
            return choose_rows(output, layer, name)
        target = self.targets.get(name)
        return None if target is None else target.rows


def choose_rows(output: Tensor, layer: nn.Module, name: str) -> Tensor:
    """Random places of an output, shape ``(images, places)``, always the same for a node of that ``name``.

    4,608 in all, as far as there are so many; fewer where the covariance of what an output reads would take more than
    2 GFLOP, yet 2,304 at least. On ResNet-56 with two to seventeen blocks dropped, these leave the outputs at a
    divergence of 0.39 to 0.40, a third to a half of them at 0.55, with which least squares fits the sample and not the
    layer, twice as many at 0.35.
    """
    unknowns = layer.get_parameter("weight")[0].numel()
    wanted = int(max(2304, min(4608, COVARIANCE_FLOPS / (2 * unknowns**2))))
    images = len(output)
    places = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else output[0].numel() // output.shape[-1]
    each = max(1, min(places, wanted // images))
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.rand(images, places, generator=generator).topk(each, dim=1).indices


def at_rows(layer: nn.Module, value: Tensor, rows: Tensor) -> Tensor:
    """A layer's output at sampled places, ``(images * places, channels)``; the channels of a linear layer are last."""
    last = isinstance(layer, nn.Linear)
    flat = value.reshape(len(value), -1, value.shape[-1]) if last else value.permute(0, 2, 3, 1).flatten(1, 2)
    index = rows + torch.arange(len(value)).unsqueeze(1) * flat.shape[1]
    return flat.reshape(-1, flat.shape[-1]).index_select(0, index.reshape(-1))


def patches(layer: nn.Module, source: Tensor, output_width: int, rows: Tensor) -> Tensor:
    """What a layer reads at sampled places, shape ``(images * places, kernel, in)``."""
    if isinstance(layer, nn.Linear):
        return at_rows(layer, source, rows).unsqueeze(1)
    assert isinstance(layer, nn.Conv2d)
    top, left, _, _ = onnx_pads(layer)
    height, width = source.shape[2:]
    y = rows.div(output_width, rounding_mode="floor").reshape(-1, 1) * layer.stride[0] - top
    x = (rows % output_width).reshape(-1, 1) * layer.stride[1] - left
    y = y + torch.arange(layer.kernel_size[0]).repeat_interleave(layer.kernel_size[1]) * layer.dilation[0]
    x = x + torch.arange(layer.kernel_size[1]).repeat(layer.kernel_size[0]) * layer.dilation[1]
    image = torch.arange(len(source)).repeat_interleave(rows.shape[1]).unsqueeze(1)
    pixels = source.permute(0, 2, 3, 1).reshape(-1, source.shape[1])
    nearest = (image * height + y.clamp(0, height - 1)) * width + x.clamp(0, width - 1)
    outside = (y < 0) | (y >= height) | (x < 0) | (x >= width)
    read = pixels.index_select(0, nearest.reshape(-1))
    return read.index_fill_(0, outside.reshape(-1).nonzero().squeeze(1), 0).view(*outside.shape, -1)


def output_width(layer: nn.Module, source: Tensor) -> int:
    """Width in pixels of a convolution's output; 1 for a linear layer."""
    if isinstance(layer, nn.Linear):
        return 1
    assert isinstance(layer, nn.Conv2d)
    _, left, _, right = onnx_pads(layer)
    reach = layer.dilation[1] * (layer.kernel_size[1] - 1)
    return (source.shape[3] + left + right - reach - 1) // layer.stride[1] + 1
