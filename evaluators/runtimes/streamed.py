"""Runtimes that this machine uses by the very file that devices are sent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from ...spaces.cores import core_count
from ...spaces.files import read_bytes
from ...spaces.messages import first_line
from .runtime import AUTO, ModelRejected, Runtime, RuntimeUnavailable
from .session import Arrays, NamedSession, ReadPort, Session


class StreamedRuntime(Runtime):
    """A runtime of which all that opens and runs models stands in one file.

    Attributes:
        distributions: the packages that it takes here, the one whose version is its own first.
        file: the module, with ``describe`` and ``Model`` as ``worker.Plugged`` asks for them.
        rejects: what ``Model`` raises of a file that it does not load.
        sessions: how its models are given inputs.
    """

    distributions: ClassVar[tuple[str, ...]]
    file: ClassVar[ModuleType]
    rejects: ClassVar[tuple[type[Exception], ...]] = (RuntimeError,)
    sessions: ClassVar[type[NamedSession]] = NamedSession

    def version(self) -> str | None:
        try:
            own, *_ = [version(name) for name in self.distributions]  # each has to be there
        except PackageNotFoundError:
            return None
        return own

    def precision(self, asked: str = AUTO) -> str:
        return self._described({"precision": asked})["precision"]

    def session(self, model: Path | bytes, precision: str = AUTO, threads: int | None = None) -> Session:
        return self.opened(model if isinstance(model, bytes) else read_bytes(model), precision, threads)

    def source(self) -> bytes | None:
        return Path(str(self.file.__file__)).read_bytes()

    def opened(self, content: bytes, precision: str, threads: int | None, **more: Any) -> Session:
        """As :meth:`session`, ``Model`` being given ``more``. Running it raises ``ModelRejected``, too."""
        options = {"threads": threads or core_count(), "precision": precision}
        told = self._described(options)
        try:
            model = self.file.Model(content, options, **more)
        except self.rejects as error:
            said = self.reason(error)
            raise ModelRejected(f"{self.name} {told['version']} does not load the file: {said}") from error

        def run(feeds: Arrays) -> Arrays:
            try:
                found: Arrays = model.run(feeds)
            except RuntimeError as error:
                raise ModelRejected(f"{self.name} does not run the file: {self.reason(error)}") from error
            return found

        inputs, outputs = ([ReadPort(**port) for port in ports] for ports in (model.inputs, model.outputs))
        return self.sessions(inputs, outputs, run)

    def reason(self, error: BaseException) -> str:
        """What the runtime says of a file, in one line."""
        return first_line(error)

    def _described(self, options: Mapping[str, Any]) -> dict[str, str]:
        try:
            found: dict[str, str] = self.file.describe(dict(options))
        except ImportError as error:
            raise RuntimeUnavailable(f"{self.name} cannot be imported here ({error}): {self.install}") from error
        except ValueError as error:
            raise RuntimeUnavailable(f"precision: {error} (on this machine, where accuracy is computed)") from error
        return found
