"""Files that are scored on the device itself, where this machine cannot compute what they give there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from ..device.errors import RequestRefused
from ..device.link import DeviceLink
from ..runtimes.batches import BatchedSession
from ..runtimes.runtime import ModelRejected, Runtime
from ..runtimes.session import Arrays, ReadPort, Session


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
        return _session_on(self.device, model)


def _session_on(device: DeviceLink, model: Path) -> Session:
    """A file on a device, to which inputs are sent in batches of one size.

    Its ``run`` raises ``ModelRejected`` where the runtime there does not load or run the file, and ``DeviceError``
    where the device cannot be reached.
    """

    def run(feeds: Arrays) -> Arrays:
        try:
            return dict(device.outputs(model, feeds))
        except RequestRefused as refusal:
            raise ModelRejected(f"on {device.name}: {refusal}") from refusal

    graph = onnx.load(model, load_external_data=False).graph
    weights = {initializer.name for initializer in graph.initializer}
    inputs = [_port(value) for value in graph.input if value.name not in weights]
    return BatchedSession(inputs, [_port(value) for value in graph.output], run)


def _port(value: onnx.ValueInfoProto) -> ReadPort:
    kind = value.type.tensor_type
    name = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    shape = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None for axis in kind.shape.dim]
    return ReadPort(value.name, shape, f"tensor({ {'float32': 'float', 'float64': 'double'}.get(name, name) })")
