"""Files that are scored on the device itself, where this machine cannot compute what they give there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from ..device.errors import RequestRefused
from ..device.link import DeviceLink
from ..runtimes.batches import batch_of, in_batches
from ..runtimes.runtime import ModelRejected, Runtime
from ..runtimes.session import Port, Session


@dataclass(frozen=True)
class DeviceOpener:
    """Opens files on a device, as :class:`~..runtimes.runtime.Opener` does here.

    Attributes:
        runtime: of the device.
        precision: in effect there.
        device: the way to it.
    """

    runtime: Runtime
    precision: str
    device: DeviceLink

    def __call__(self, model: Path) -> Session:
        return DeviceSession(self.device, model)


@dataclass(frozen=True, slots=True)
class _Port:
    name: str
    shape: Sequence[int | str | None]
    type: str


class DeviceSession:
    """A file on a device, to which inputs are sent in batches of one size."""

    def __init__(self, device: DeviceLink, model: Path) -> None:
        self._device, self._model = device, model
        graph = onnx.load(model, load_external_data=False).graph
        weights = {initializer.name for initializer in graph.initializer}
        self._inputs = [_port(value) for value in graph.input if value.name not in weights]
        self._outputs = [_port(value) for value in graph.output]

    def get_inputs(self) -> Sequence[Port]:
        return self._inputs

    def get_outputs(self) -> Sequence[Port]:
        return self._outputs

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """As :meth:`~..runtimes.session.Session.run`.

        Raises:
            ModelRejected: where the runtime there does not load or run the file.
            DeviceError: where the device cannot be reached.
        """
        size = batch_of(self._inputs)
        try:
            found = in_batches(lambda feeds: self._device.outputs(self._model, feeds), input_feed, size)
        except RequestRefused as refusal:
            raise ModelRejected(f"on {self._device.name}: {refusal}") from refusal
        return [found[name] for name in output_names]


def _port(value: onnx.ValueInfoProto) -> _Port:
    kind = value.type.tensor_type
    name = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    shape = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None for axis in kind.shape.dim]
    return _Port(value.name, shape, f"tensor({ {'float32': 'float', 'float64': 'double'}.get(name, name) })")
