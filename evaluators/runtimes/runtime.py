"""The seam of runtimes: what is asked of one on this machine, and what a device is sent to have it there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...spaces.errors import ConfigError, Infeasible
from .session import Session

DEFAULT = "onnxruntime"
"""The name of the runtime that a device's worker knows by itself."""
AUTO = "auto"
"""The precision that the runtime chooses by itself on the processor at hand."""

Opens = Callable[[Path], Session]
"""Opens a file to compute its outputs."""


class RuntimeUnavailable(ConfigError):
    """A runtime that is not installed here, or a precision that the processor here does not have."""


class ModelRejected(Infeasible):
    """A file that a runtime does not load, in one line with its reason."""


class Runtime(ABC):
    """A runtime by its name in a config.

    Attributes:
        name: in ``device: {runtime: NAME}``.
        precisions: what ``device: {precision: …}`` may be, ``"auto"`` first.
        install: the command that installs it here.
        lacks: what of the files that compressors make it does not load, in words; nothing where it loads all.
        takes_functions: whether it loads files that define functions of their own, by which weights are packed; for
            others artefacts are written with plain weights, see :func:`.plain.plain`.
        translates: whether devices are not sent the ONNX file, but what :meth:`translated` makes of it on this machine.
        is_exact: whether it computes what a file says but for the order of sums, so that a file may be judged by it.
    """

    name: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]] = (AUTO,)
    install: ClassVar[str] = ""
    lacks: ClassVar[str] = ""
    takes_functions: ClassVar[bool] = True
    translates: ClassVar[bool] = False
    is_exact: ClassVar[bool] = True

    @abstractmethod
    def version(self) -> str | None:
        """The version that is installed here; None where it is not."""

    @abstractmethod
    def session(self, model: Path | bytes, precision: str = AUTO, threads: int | None = None) -> Session:
        """Open a file on this machine, to compute outputs in batches.

        Args:
            model: the file, or its bytes.
            precision: that floats are computed in, one of :attr:`precisions`.
            threads: by default one for each core that this process may use.

        Raises:
            RuntimeUnavailable: where it is not installed here, or has no such precision here.
            ModelRejected: where it does not load the file.
        """

    def precision(self, asked: str = AUTO) -> str:
        """The precision in effect on this machine where ``asked`` is asked for; ``""`` where the file's types decide.

        Raises:
            RuntimeUnavailable: as :meth:`session`.
        """
        return ""

    def translated(self, content: bytes) -> bytes:
        """What devices are sent of an ONNX file, where it :attr:`translates`; else the file.

        Raises:
            RuntimeUnavailable: as :meth:`session`.
            ModelRejected: where the runtime has no form for the file.
        """
        return content

    def source(self) -> bytes | None:
        """What is streamed to a device beside its worker: a Python file as ``worker.Plugged`` says; None for none."""
        return None


@dataclass(frozen=True)
class Opener:
    """Opens files in a runtime and a precision on this machine.

    Attributes:
        runtime: which.
        precision: that floats are computed in.
    """

    runtime: Runtime
    precision: str = AUTO

    def __call__(self, model: Path | bytes, threads: int | None = None) -> Session:
        """As :meth:`Runtime.session`."""
        return self.runtime.session(model, self.precision, threads)
