"""OpenVINO: on this machine to compute outputs, on a device by the file that its worker is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from ...spaces.cores import core_count
from ...spaces.files import read_bytes
from ...spaces.messages import one_line
from . import openvino_model
from .batches import batch_of, in_batches
from .runtime import AUTO, ModelRejected, Runtime, RuntimeUnavailable
from .session import Port, Session


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
            return OpenVinoSession(openvino_model.Model(content, options))
        except RuntimeError as error:
            raise ModelRejected(f"openvino {told['version']} does not load the file: {_reason(error)}") from error

    def source(self) -> bytes | None:
        return Path(openvino_model.__file__).read_bytes()

    def _asked(self, options: Mapping[str, Any]) -> dict[str, str]:
        try:
            return openvino_model.describe(dict(options))
        except ImportError as error:
            raise RuntimeUnavailable(f"openvino cannot be imported here ({error}): {self.install}") from error
        except ValueError as error:
            raise RuntimeUnavailable(f"precision: {error} (on this machine, where accuracy is computed)") from error


@dataclass(frozen=True, slots=True)
class _Port:
    name: str
    shape: Sequence[int | str | None]
    type: str


class OpenVinoSession:
    """A file in OpenVINO, run in batches of one size, so that it is compiled once."""

    def __init__(self, model: openvino_model.Model) -> None:
        self._model = model
        self._inputs, self._outputs = ([_Port(**port) for port in ports] for ports in (model.inputs, model.outputs))
        self._size = batch_of(self._inputs)

    def get_inputs(self) -> Sequence[Port]:
        return self._inputs

    def get_outputs(self) -> Sequence[Port]:
        return self._outputs

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """As :meth:`.session.Session.run`.

        Raises:
            ModelRejected: where it does not compile the file for these shapes, or fails to run it.
        """
        try:
            found = in_batches(self._model.run, input_feed, self._size)
        except RuntimeError as error:
            raise ModelRejected(f"openvino does not run the file: {_reason(error)}") from error
        return [found[name] for name in output_names]


def _reason(error: BaseException) -> str:
    """What OpenVINO says, without where in its source it says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("Exception from", "Check '", "While"))]
    return said[0] if said else one_line(error)
