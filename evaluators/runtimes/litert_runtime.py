"""LiteRT, TensorFlow Lite's successor, as a runtime: in floats and in 8-bit integers; see ``litert_model``."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from ..storage.litert_file import LITERT, is_litert
from . import litert_model
from .batches import BatchedSession
from .runtime import AUTO, ModelRejected, RuntimeUnavailable
from .session import NamedSession, Session
from .streamed import StreamedRuntime


class LiteRt(StreamedRuntime):
    """Google's LiteRT on the CPU.

    Devices are sent a ``.tflite`` file, which is what would be deployed; it is written on this machine, see
    ``tflite/``. Floats agree with ONNX Runtime's to about 1e-6 of the largest output; sums of 8-bit layers are rounded
    elsewhere, so that codes differ by one step here and there.
    """

    name: ClassVar[str] = LITERT
    precisions: ClassVar[tuple[str, ...]] = (AUTO, "f32")
    install: ClassVar[str] = "pip install 'parefront[litert]'"
    lacks: ClassVar[str] = "branches (early_exit)"
    takes_functions: ClassVar[bool] = False
    translates: ClassVar[bool] = True
    is_exact: ClassVar[bool] = False
    distributions: ClassVar[tuple[str, ...]] = ("ai-edge-litert",)
    file: ClassVar[ModuleType] = litert_model
    rejects: ClassVar[tuple[type[Exception], ...]] = (ValueError, RuntimeError)
    sessions: ClassVar[type[NamedSession]] = BatchedSession  # memory is allocated once, for one size

    def translated(self, content: bytes) -> bytes:
        return content if is_litert(content) else self._written(content, {})

    def opened(self, content: bytes, precision: str, threads: int | None, **more: Any) -> Session:
        return super().opened(self.translated(content), precision, threads, **more)

    def write(self, content: bytes, facts: Mapping[str, str]) -> tuple[Session, bytes]:
        """LiteRT's file of an ONNX file, and a session on these very bytes.

        Args:
            content: of the ONNX file.
            facts: what the file's metadata says of where it comes from, by key.

        Raises:
            RuntimeUnavailable, ModelRejected: as :meth:`session`.
        """
        made = self._written(content, facts)
        return self.opened(made, AUTO, 1), made

    def _written(self, content: bytes, facts: Mapping[str, str]) -> bytes:
        from .tflite.source import Untranslatable  # imported here: to show a run takes neither onnx nor torch
        from .tflite.translate import tflite

        try:
            return tflite(content, facts)
        except ImportError as error:
            raise RuntimeUnavailable(f"litert cannot be imported here ({error}): {self.install}") from error
        except Untranslatable as error:
            raise ModelRejected(f"litert {self.version()} does not load the file: {error}") from error
