"""OpenVINO: on this machine to compute outputs, on a device by the file that its worker is sent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from ...spaces.cores import core_count
from ...spaces.files import read_bytes
from ...spaces.messages import one_line
from . import openvino_model
from .batches import Arrays, BatchedSession
from .runtime import AUTO, ModelRejected, Runtime, RuntimeUnavailable
from .session import ReadPort, Session


class OpenVino(Runtime):
    """Intel's OpenVINO on the CPU.

    It computes in bfloat16 by itself where the processor has it, and rounds sums of 8-bit products elsewhere than ONNX
    Runtime, so that outputs differ by 1 % to 3 % of their range.
    """

    name: ClassVar[str] = "openvino"
    precisions: ClassVar[tuple[str, ...]] = (AUTO, *openvino_model.PRECISIONS)
    install: ClassVar[str] = "pip install 'parefront[openvino]'"
    takes_functions: ClassVar[bool] = False
    is_exact: ClassVar[bool] = False

    def version(self) -> str | None:
        try:
            return version("openvino")
        except PackageNotFoundError:
            return None

    def precision(self, asked: str = AUTO) -> str:
        return self._asked({"precision": asked})["precision"]

    def session(self, model: Path | bytes, precision: str = AUTO, threads: int | None = None) -> Session:
        content = model if isinstance(model, bytes) else read_bytes(model)
        options = {"threads": threads or core_count(), "precision": precision}
        told = self._asked(options)
        try:
            return _session_of(openvino_model.Model(content, options))
        except RuntimeError as error:
            raise ModelRejected(f"openvino {told['version']} does not load the file: {reason(error)}") from error

    def source(self) -> bytes | None:
        return Path(openvino_model.__file__).read_bytes()

    def _asked(self, options: Mapping[str, Any]) -> dict[str, str]:
        try:
            return openvino_model.describe(dict(options))
        except ImportError as error:
            raise RuntimeUnavailable(f"openvino cannot be imported here ({error}): {self.install}") from error
        except ValueError as error:
            raise RuntimeUnavailable(f"precision: {error} (on this machine, where accuracy is computed)") from error


def _session_of(model: openvino_model.Model) -> Session:
    """A model run in batches of one size, so that it is compiled once.

    Its ``run`` raises ``ModelRejected`` where OpenVINO does not compile the file for these shapes, or fails to run it.
    """

    def run(feeds: Arrays) -> Arrays:
        try:
            return model.run(feeds)
        except RuntimeError as error:
            raise ModelRejected(f"openvino does not run the file: {reason(error)}") from error

    inputs, outputs = ([ReadPort(**port) for port in ports] for ports in (model.inputs, model.outputs))
    return BatchedSession(inputs, outputs, run)


def reason(error: BaseException) -> str:
    """What OpenVINO says, without where in its source it says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("Exception from", "Check '", "While"))]
    return said[0] if said else one_line(error)
