"""A file that was opened in a runtime, as whoever wants its outputs sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class Port(Protocol):
    """An input or output of a file, as ONNX Runtime describes it."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Sizes by axis; text or None where an axis is free."""
        ...

    @property
    def type(self) -> str:
        """For example ``"tensor(float)"``."""
        ...


@dataclass(frozen=True, slots=True)
class ReadPort:
    """A :class:`Port` that was read once."""

    name: str
    shape: Sequence[int | str | None]
    type: str


class Session(Protocol):
    """What an ``onnxruntime.InferenceSession`` offers of itself, and other runtimes through an adapter."""

    def get_inputs(self) -> Sequence[Port]: ...

    def get_outputs(self) -> Sequence[Port]: ...

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The outputs of those names, each ``(n, …)``, for inputs ``(n, …)`` by name."""
        ...


class NamedSession:
    """A :class:`Session` of what gives all its outputs by name.

    Args:
        inputs: of the model.
        outputs: of the model.
        run: gives the outputs of inputs; what it raises is raised by :meth:`run`.
    """

    def __init__(self, inputs: Sequence[Port], outputs: Sequence[Port], run: Callable[[Arrays], Arrays]) -> None:
        self._inputs, self._outputs, self._run = inputs, outputs, run

    def get_inputs(self) -> Sequence[Port]:
        return self._inputs

    def get_outputs(self) -> Sequence[Port]:
        return self._outputs

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        found = self._run(dict(input_feed))
        return [found[name] for name in output_names]
