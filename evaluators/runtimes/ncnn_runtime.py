"""NCNN as a runtime: for phones and boards, in floats; see ``ncnn_model``, which devices are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from ...spaces.cores import core_count
from ...spaces.files import read_bytes
from ...spaces.messages import first_line
from . import ncnn_model
from .runtime import AUTO, ModelRejected, Runtime, RuntimeUnavailable
from .session import Port, ReadPort, Session


class Ncnn(Runtime):
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

    def version(self) -> str | None:
        try:
            return version("ncnn") if version("pnnx") else None
        except PackageNotFoundError:
            return None

    def precision(self, asked: str = AUTO) -> str:
        return self._asked({"precision": asked})["precision"]

    def session(self, model: Path | bytes, precision: str = AUTO, threads: int | None = None) -> Session:
        return self._opened(model if isinstance(model, bytes) else read_bytes(model), precision, threads)

    def write(self, content: bytes, folder: Path) -> tuple[Session, dict[str, bytes]]:
        """NCNN's own files of an ONNX file, by suffix: ``.param`` and ``.bin``; and a session on these very files.

        Args:
            content: without functions of its own.
            folder: an empty one, where they are made.

        Raises:
            RuntimeUnavailable, ModelRejected: as :meth:`session`.
        """
        session = self._opened(content, AUTO, 1, folder)
        names = {".param": ncnn_model.DESCRIPTION, ".bin": ncnn_model.WEIGHTS}
        return session, {suffix: (folder / name).read_bytes() for suffix, name in names.items()}

    def _opened(self, content: bytes, precision: str, threads: int | None, kept: Path | None = None) -> Session:
        options = {"threads": threads or core_count(), "precision": precision}
        told = self._asked(options)
        try:
            return _OneByOne(ncnn_model.Model(content, options, kept="" if kept is None else str(kept)))
        except (ValueError, RuntimeError) as error:
            raise ModelRejected(f"ncnn {told['version']} does not load the file: {first_line(error)}") from error

    def source(self) -> bytes | None:
        return Path(ncnn_model.__file__).read_bytes()

    def _asked(self, options: Mapping[str, Any]) -> dict[str, str]:
        try:
            return ncnn_model.describe(dict(options))
        except ImportError as error:
            raise RuntimeUnavailable(f"ncnn cannot be imported here ({error}): {self.install}") from error
        except ValueError as error:
            raise RuntimeUnavailable(f"precision: {error} (on this machine, where accuracy is computed)") from error


class _OneByOne:
    """A :class:`~.session.Session` of a model that computes sample by sample, however many are given."""

    def __init__(self, model: ncnn_model.Model) -> None:
        self._model = model

    def get_inputs(self) -> Sequence[Port]:
        return [ReadPort(**port) for port in self._model.inputs]

    def get_outputs(self) -> Sequence[Port]:
        return [ReadPort(**port) for port in self._model.outputs]

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        try:
            found = self._model.run(dict(input_feed))
        except RuntimeError as error:
            raise ModelRejected(f"ncnn does not run the file: {first_line(error)}") from error
        return [found[name] for name in output_names]
