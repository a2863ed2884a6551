"""Files that are scored on the device itself, where this machine cannot compute what they give there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from ...device.errors import RequestRefused
from ...device.link import DeviceLink
from ...runtimes.batches import BatchedSession
from ...runtimes.ports import Ports
from ...runtimes.runtime import ModelRejected, Runtime
from ...runtimes.session import Arrays, Session


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

    ports = Ports.of(onnx.load(model, load_external_data=False))
    return BatchedSession(ports.inputs, ports.outputs, run)
