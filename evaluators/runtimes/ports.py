"""What an ONNX file takes and gives, read from the file, and whether another file can stand in its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from ...spaces.errors import ConfigError
from .session import Arrays, NamedSession, Port, ReadPort, Session


@dataclass(frozen=True)
class Ports:
    """The inputs and outputs of a file.

    Attributes:
        inputs: without those that have an initialiser, in the file's order.
        outputs: in the file's order.
    """

    inputs: tuple[ReadPort, ...]
    outputs: tuple[ReadPort, ...]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> Ports:
        """Those of a model, whose weights need not be there."""
        graph = model.graph
        weights = {initializer.name for initializer in graph.initializer}
        inputs = (_port(value) for value in graph.input if value.name not in weights)
        return cls(tuple(inputs), tuple(_port(value) for value in graph.output))


@dataclass(frozen=True)
class StandIn:
    """A file that takes and gives what another one does, by names of its own.

    Attributes:
        inputs: its own name of each input, by the other file's.
        outputs: likewise.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, own: Ports, other: Ports, batch: int) -> StandIn:
        """Match inputs and outputs by their names where these are the same, else by their order.

        Args:
            own: of the file.
            other: of the one in whose place it is to stand.
            batch: samples that the other one is run on at a time; a first axis that is fixed has to have this size.

        Raises:
            ConfigError: where inputs or outputs differ in number, or inputs in type or shape.
        """
        inputs = _matched("input", own.inputs, other.inputs)
        mine = {port.name: port for port in own.inputs}
        for port in other.inputs:
            _check(mine[inputs[port.name]], port, batch)
        return cls(inputs, _matched("output", own.outputs, other.outputs))

    def named(self, session: Session) -> Session:
        """A session on the file that goes by the other file's names."""
        if all(name == own for names in (self.inputs, self.outputs) for name, own in names.items()):
            return session

        def run(feeds: Arrays) -> Arrays:
            given = {self.inputs[name]: array for name, array in feeds.items()}
            return dict(zip(self.outputs, session.run([*self.outputs.values()], given), strict=True))

        inputs, outputs = _renamed(self.inputs, session.get_inputs()), _renamed(self.outputs, session.get_outputs())
        return NamedSession(inputs, outputs, run)


def with_fixed_axes(content: bytes, own: Ports, other: Ports, stand_in: StandIn) -> bytes:
    """A file whose inputs have the other one's sizes along axes, beside the first, that its own inputs leave free.

    ``content`` itself where none is free.
    """
    sizes = {port.name: port.shape for port in other.inputs}
    wanted = {mine: sizes[name] for name, mine in stand_in.inputs.items()}
    if all(isinstance(size, int) for port in own.inputs for size in port.shape[1:]):
        return content
    model = onnx.ModelProto.FromString(content)
    for value in model.graph.input:
        axes = value.type.tensor_type.shape.dim
        for axis, size in list(zip(axes, wanted.get(value.name, ()), strict=False))[1:]:
            if not axis.HasField("dim_value") and isinstance(size, int):
                axis.dim_value = size
    return bytes(model.SerializeToString(deterministic=True))


def _port(value: onnx.ValueInfoProto) -> ReadPort:
    held, known = value.type.tensor_type, onnx.TensorProto.DataType
    kind = known.Name(held.elem_type).lower() if held.elem_type in known.values() else str(held.elem_type)
    shape = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None for axis in held.shape.dim]
    return ReadPort(value.name, shape, f"tensor({kind})")


def _matched(what: str, own: Sequence[Port], other: Sequence[Port]) -> dict[str, str]:
    mine, names = [port.name for port in own], [port.name for port in other]
    if len(mine) != len(names):
        raise ConfigError(f"expected {_counted(what, names)}, got {_counted(what, mine)}")
    return dict(zip(names, names if set(mine) == set(names) else mine, strict=True))


def _counted(what: str, names: Sequence[str]) -> str:
    """``1 input (image)``, ``2 outputs (boxes, scores)``."""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} ({', '.join(names) or 'none'})"


def _check(own: Port, other: Port, batch: int) -> None:
    """Raise ``ConfigError`` where an input does not take what the other one takes."""
    if own.type != other.type or len(own.shape) != len(other.shape) or not _fit(own.shape[1:], other.shape[1:]):
        raise ConfigError(f"expected input {_shown(other)} as the run's models have it, got {_shown(own)}")
    first = own.shape[0] if own.shape else None
    if isinstance(first, int) and first != batch:
        raise ConfigError(
            f"its batch axis is fixed at {first}, and the run times {batch} at once; export it with a free batch axis "
            "(torch.onnx.export: dynamic_shapes, or dynamic_axes of the older exporter)"
        )


def _fit(own: Iterable[int | str | None], other: Iterable[int | str | None]) -> bool:
    """Whether sizes are equal, those that are free left out."""
    pairs = zip(own, other, strict=True)
    return all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def _shown(port: Port) -> str:
    """``'input' of tensor(float) (batch, 3, 32, 32)``."""
    sizes = ", ".join("?" if size is None else str(size) for size in port.shape)
    return f"{port.name!r} of {port.type} ({sizes})"


def _renamed(names: Mapping[str, str], ports: Sequence[Port]) -> list[ReadPort]:
    held = {port.name: port for port in ports}
    return [ReadPort(name, held[own].shape, held[own].type) for name, own in names.items()]
