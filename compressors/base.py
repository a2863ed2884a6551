"""The seam of a compression method: its knobs for a graph, and how it carries choices out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from torch import fx

from ..spaces.errors import Infeasible
from ..spaces.knob import Choice, Knob
from ..spaces.network.graph import ModelGraph
from ..spaces.network.rebuild import duplicate
from ..spaces.network.trace import output_shape
from .statistics.calibration import Calibration


class Stage(IntEnum):
    """The order in which methods are applied."""

    MERGE = 0
    PRUNE = 1
    FACTORISE = 2
    SPARSIFY = 3
    SHARE = 4
    QUANTISE = 5


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


def one_of(known: Collection[str]) -> _OneOf:
    """For options that name an entry of a table: refuses every other name, and lists those that there are."""
    return _OneOf(known)


@dataclass(frozen=True, eq=False)
class _OneOf:
    known: Collection[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.known)}

    def _check(self, value: str) -> str:
        if value not in self.known:
            raise ValueError(f"expected {', '.join(self.known)}")
        return value


def _positive(value: int | str) -> int | str:
    if isinstance(value, int) and value < 1:
        raise ValueError("expected a positive number of channels or auto")
    return value


RoundTo = Annotated[int | Literal["auto"], AfterValidator(_positive)]
"""For options that keep channels to multiples: of a number, or of the device's vector width."""


def step_of(round_to: int | str, target: Target, channels: int, least: int) -> int:
    """The multiple that channels are kept to; "auto" is halved until ``channels`` hold at least ``least`` of it."""
    if isinstance(round_to, int):
        return round_to
    step = target.vector_width
    while step > 1 and channels < least * step:
        step //= 2
    return step


class Compressor(ABC):
    """A compression method.

    A subclass names itself and its stage, declares its options, and implements :meth:`knobs` and :meth:`apply`. Callers
    use :meth:`compress` or :meth:`carry_out`, which check what every method owes.
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

    def runs_as(self, choice: Choice) -> Choice:
        """The plainest choice that runs in the same arithmetic: what runs alike is timed against each other."""
        return choice

    @property
    def compensation(self) -> str:
        """How layers behind a change are repaired once all structure is decided: a name in ``compensate.METHODS``."""
        return "none"

    @property
    def quick_compensation(self) -> str:
        """A repair nearly as good that needs no forward pass, for probes; where there is none, the same."""
        return self.compensation

    def compress(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        """A compressed copy of ``net``; see :meth:`carry_out`."""
        return self.carry_out(duplicate(net), choices, calibration)

    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        """``net`` itself compressed, with what every method owes checked.

        The output's shape is equal and its values are finite, no choices leave the network alone, and the number of
        weights does not grow.

        Raises:
            Infeasible: where the choices leave no working network.
        """
        if not choices:
            return net
        before = weights(net)
        changed = self.apply(net, choices, calibration)
        expected = output_shape(net)
        with torch.no_grad(), calibration.forward():
            got = changed(calibration.example[:1])
        if tuple(got.shape[1:]) != expected:
            raise Infeasible(f"{self.name} changed the output's shape from {expected} to {tuple(got.shape[1:])}")
        if not bool(torch.isfinite(got).all()):
            raise Infeasible(f"{self.name} left non-finite outputs")
        if weights(changed) > before:
            raise Infeasible(f"{self.name} grew the network from {before} to {weights(changed)} weights")
        changed.meta = {**net.meta, **changed.meta}
        return changed


def weights(net: fx.GraphModule) -> int:
    """Number of weights and biases in a network."""
    return sum(p.numel() for p in net.parameters())


def in_stages(compressors: Sequence[Compressor]) -> list[Compressor]:
    """Compressors in the order they are applied."""
    return sorted(compressors, key=lambda c: c.stage)
