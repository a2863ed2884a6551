"""Flat networks made by hand, as the rebuild makes them: quicker than an export, and with exactly the nodes wanted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from parefront.spaces.network.layers import WEIGHTED, set_origin
from parefront.spaces.network.ops import Op
from parefront.spaces.network.outputs import remember_outputs

Step = tuple[str, nn.Module, tuple[str, ...]]
"""Name, module, and the names of the steps it reads; ``"input"`` is the network's input."""


def flat(example: Tensor, *steps: Step) -> fx.GraphModule:
    """A network whose last step is its output."""
    graph = fx.Graph()
    values = {"input": graph.placeholder("input")}
    for name, module, reads in steps:
        if isinstance(module, WEIGHTED):
            set_origin(module)
        values[name] = graph.call_module(name, tuple(values[source] for source in reads))
    graph.output(values[steps[-1][0]])
    net = fx.GraphModule({name: module for name, module, _ in steps}, graph).eval()
    with torch.no_grad():
        remember_outputs(net, net(example))
    return net


def chain(example: Tensor, **modules: nn.Module) -> fx.GraphModule:
    """A network of one step after the other."""
    names = ["input", *modules]
    return flat(example, *((name, module, (names[i],)) for i, (name, module) in enumerate(modules.items())))


def op(op_type: str, constants: dict[int, Any] | None = None, arity: int = 1, **attributes: Any) -> Op:
    """An operator; ``constants`` by input position."""
    held = {position: torch.as_tensor(value) for position, value in (constants or {}).items()}
    return Op(op_type, attributes, held, arity + len(held))


def add() -> Op:
    return op("Add", arity=2)


def relu() -> Op:
    return op("Relu")


def conv(before: int, after: int, kernel: int = 3, **options: Any) -> nn.Conv2d:
    """A convolution that keeps height and width (at stride 1)."""
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, **options)


def pooled() -> Op:
    return op("GlobalAveragePool")


def flatten() -> Op:
    return op("Flatten", axis=1)


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def value_of(net: fx.GraphModule, name: str, inputs: Tensor) -> Tensor:
    """What a node gives."""
    seen: list[Tensor] = []
    handle = net.get_submodule(name).register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        net(inputs)
    handle.remove()
    return seen[0]
