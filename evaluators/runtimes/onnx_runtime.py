"""ONNX Runtime: the worker knows it by itself, and files are judged by it, in the types that they have."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from .runtime import AUTO, DEFAULT, Runtime
from .session import Session


class OnnxRuntime(Runtime):
    """Files are opened as :func:`~..restore.exact_session.exact_session` does it."""

    name: ClassVar[str] = DEFAULT
    install: ClassVar[str] = "pip install onnxruntime"

    def version(self) -> str | None:
        try:
            return version("onnxruntime")
        except PackageNotFoundError:  # a build under another name: onnxruntime-gpu, onnxruntime-openvino
            import onnxruntime

            return str(onnxruntime.__version__)

    def session(self, model: Path | bytes, precision: str = AUTO, threads: int | None = None) -> Session:
        from ..restore.exact_session import exact_session  # imported here: to show a run takes no runtime

        session: Session = exact_session(model, threads)
        return session
