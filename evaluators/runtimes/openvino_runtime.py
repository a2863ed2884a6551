"""OpenVINO: on this machine to compute outputs, on a device by the file that its worker is sent."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from ...spaces.messages import one_line
from . import openvino_model
from .batches import BatchedSession
from .runtime import AUTO
from .session import NamedSession
from .streamed import StreamedRuntime


class OpenVino(StreamedRuntime):
    """Intel's OpenVINO on the CPU.

    It computes in bfloat16 by itself where the processor has it, and rounds sums of 8-bit products elsewhere than ONNX
    Runtime, so that outputs differ by 1 % to 3 % of their range.
    """

    name: ClassVar[str] = "openvino"
    precisions: ClassVar[tuple[str, ...]] = (AUTO, *openvino_model.PRECISIONS)
    install: ClassVar[str] = "pip install 'parefront[openvino]'"
    takes_functions: ClassVar[bool] = False
    is_exact: ClassVar[bool] = False
    distributions: ClassVar[tuple[str, ...]] = ("openvino",)
    file: ClassVar[ModuleType] = openvino_model
    sessions: ClassVar[type[NamedSession]] = BatchedSession  # compiled once, for one size

    def reason(self, error: BaseException) -> str:
        return reason(error)


def reason(error: BaseException) -> str:
    """What OpenVINO says, without where in its source it says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("Exception from", "Check '", "While"))]
    return said[0] if said else one_line(error)
