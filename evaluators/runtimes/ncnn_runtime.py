"""NCNN as a runtime: for phones and boards, in floats; see ``ncnn_model``, which devices are sent."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import ClassVar

from . import ncnn_model
from .runtime import AUTO
from .session import Session
from .streamed import StreamedRuntime


class Ncnn(StreamedRuntime):
    """Tencent's NCNN on the CPU, in float32.

    Its converter, ``pnnx``, reads ONNX files without functions of their own. Outputs differ from ONNX Runtime's by
    about 1e-6 of the largest, as kernels sum in another order. Files with integers, branches or operators that it lacks
    are rejected.
    """

    name: ClassVar[str] = "ncnn"
    precisions: ClassVar[tuple[str, ...]] = (AUTO, "f32")
    install: ClassVar[str] = "pip install 'parefront[ncnn]'"
    lacks: ClassVar[str] = "integers as ONNX writes them (quantize) and branches (early_exit)"
    takes_functions: ClassVar[bool] = False
    is_exact: ClassVar[bool] = False
    distributions: ClassVar[tuple[str, ...]] = ("ncnn", "pnnx")
    file: ClassVar[ModuleType] = ncnn_model
    rejects: ClassVar[tuple[type[Exception], ...]] = (ValueError, RuntimeError)

    def write(self, content: bytes, folder: Path) -> tuple[Session, dict[str, bytes]]:
        """NCNN's own files of an ONNX file, by suffix: ``.param`` and ``.bin``; and a session on these very files.

        Args:
            content: without functions of its own.
            folder: an empty one, where they are made.

        Raises:
            RuntimeUnavailable, ModelRejected: as :meth:`session`.
        """
        session = self.opened(content, AUTO, 1, kept=str(folder))
        names = {".param": ncnn_model.DESCRIPTION, ".bin": ncnn_model.WEIGHTS}
        return session, {suffix: (folder / name).read_bytes() for suffix, name in names.items()}
