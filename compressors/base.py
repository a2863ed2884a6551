"""The seam of a compression method: its knobs for a graph, and how it carries choices out."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, fx

from ..spaces import Choice, Infeasible, Knob, ModelGraph
from .calibration import Calibration


class Stage(IntEnum):
    """The order in which methods are applied."""

    MERGE = 0
    PRUNE = 1
    FACTORISE = 2
    SPARSIFY = 3
    QUANTISE = 4


@dataclass(frozen=True, slots=True)
class Target:
    """What a compressor must know of the device.

    Attributes:
        vector_width: channels that one vector of float32 holds, and to whose multiples the runtime pads its layout.
        signed_activations: whether int8 kernels want signed activations (ARM) or unsigned ones (x86).
        full_range_weights: False where 8-bit products saturate (x86 before VNNI), so that weights must stay in 7 bits.
    """

    vector_width: int = 16
    signed_activations: bool = False
    full_range_weights: bool = True


class CompressorOptions(BaseModel):
    """The options of a method; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Compressor(ABC):
    """A compression method.

    A subclass names itself and its stage, declares its options, and implements :meth:`knobs` and :meth:`apply`. Callers
    use :meth:`compress`, which checks what every method owes.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage]
    Options: ClassVar[type[CompressorOptions]] = CompressorOptions

    def __init__(self, options: CompressorOptions | None = None, target: Target | None = None) -> None:
        self.options = options if options is not None else self.Options()
        self.target = target or Target()

    @abstractmethod
    def knobs(self, graph: ModelGraph) -> list[Knob]:
        """The decisions this method offers on a network."""

    @abstractmethod
    def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        """Carry out ``choices`` (by target, none of them neutral) on ``net``, which may be changed in place."""

    def removes(self, target: str, graph: ModelGraph) -> frozenset[str]:
        """The layers that vanish when the knob of ``target`` leaves its neutral choice."""
        return frozenset()

    @property
    def compensation(self) -> str:
        """How layers behind a change are repaired once all structure is decided: a name in ``compensate.METHODS``."""
        return "none"

    def compress(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        """A compressed copy of ``net``.

        What every method owes is checked: the input is untouched, the output's shape is equal and its values are
        finite, no choices give an equal network, and the number of weights does not grow.

        Raises:
            Infeasible: where the choices leave no working network.
        """
        copied = copy.deepcopy(net)
        if not choices:
            return copied
        changed = self.apply(copied, choices, calibration)
        check(self.name, net, changed, calibration.example)
        return changed


def check(name: str, before: fx.GraphModule, after: fx.GraphModule, example: Tensor) -> None:
    """Raise ``Infeasible`` where ``after`` has another output shape, non-finite outputs, or more weights."""
    with torch.no_grad():
        expected = tuple(before.meta["output_shape"])
        got = after(example[:1])
    if tuple(got.shape[1:]) != expected:
        raise Infeasible(f"{name} changed the output's shape from {expected} to {tuple(got.shape[1:])}")
    if not bool(torch.isfinite(got).all()):
        raise Infeasible(f"{name} left non-finite outputs")
    if weights(after) > weights(before):
        raise Infeasible(f"{name} grew the network from {weights(before)} to {weights(after)} weights")


def weights(net: fx.GraphModule) -> int:
    """Number of weights and biases in a network."""
    return sum(p.numel() for p in net.parameters())


def in_stages(compressors: Sequence[Compressor]) -> list[Compressor]:
    """Compressors in the order they are applied."""
    return sorted(compressors, key=lambda c: c.stage)
