"""What a network gives: one tensor or several by name, whose shapes and types compression never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from ..tensors.batch import Outputs, named
from ..tensors.signature import OUTPUT

_OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """The shape of an output for one sample, without the batch axis, and its type."""

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32


def remember_outputs(net: fx.GraphModule, outputs: Outputs) -> None:
    """Keep with a network what its outputs are like, given those of one batch."""
    parts = named(outputs, OUTPUT)
    net.meta[_OUTPUTS] = {name: OutputSpec(tuple(part.shape[1:]), part.dtype) for name, part in parts.items()}


def output_specs(net: fx.GraphModule) -> Mapping[str, OutputSpec]:
    """The outputs of a network by name, in the order in which it returns them."""
    specs: Mapping[str, OutputSpec] = net.meta[_OUTPUTS]
    return specs


def output_problem(net: fx.GraphModule, outputs: Outputs) -> str | None:
    """What is wrong with the outputs of a changed copy of ``net``, as the end of a sentence; None where nothing is."""
    given = named(outputs, OUTPUT)
    for name, spec in output_specs(net).items():
        which = f"the output {name}" if len(given) > 1 else "the output"
        if name not in given:
            return f"lost {which}"
        shape = tuple(given[name].shape[1:])
        if shape != spec.shape:
            return f"changed {which}'s shape from {spec.shape} to {shape}"
        if not all_finite(given[name]):
            return "left non-finite outputs"
    return None


def all_finite(outputs: Outputs) -> bool:
    """Whether no output holds NaN or infinity."""
    return all(bool(torch.isfinite(part).all()) for part in named(outputs, OUTPUT).values())


def output_nodes(net: fx.GraphModule) -> dict[str, fx.Node]:
    """The node that gives each output, by the output's name."""
    (held,) = next(node for node in reversed(net.graph.nodes) if node.op == "output").args
    return named(held, OUTPUT)


def largest_difference(expected: Tensor, actual: Tensor) -> float:
    """Relative to the largest value expected; of whole numbers and truth values, the share that differ."""
    if not expected.is_floating_point():
        return float((expected != actual).float().mean())
    return float((expected - actual).abs().max()) / (float(expected.abs().max()) or 1.0)
