"""ONNX's reference evaluator as a runtime of Parefront: slow, in one thread, and needs nothing but ONNX and NumPy."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import reference_model

from parefront.evaluators.runtimes.runtime import AUTO, ModelRejected, Runtime, RuntimeUnavailable
from parefront.evaluators.runtimes.session import NamedSession, ReadPort, Session


class Reference(Runtime):
    name = "reference"
    precisions = (AUTO,)
    install = "pip install onnx"

    def version(self) -> str | None:
        try:
            return version("onnx")
        except PackageNotFoundError:
            return None

    def precision(self, asked: str = AUTO) -> str:
        return reference_model.describe({})["precision"]

    def session(self, model: Path | bytes, precision: str = AUTO, threads: int | None = None) -> Session:
        content = model if isinstance(model, bytes) else model.read_bytes()
        try:
            opened = reference_model.Model(content, {})
        except ImportError as error:
            raise RuntimeUnavailable(f"onnx cannot be imported here ({error}): {self.install}") from error
        except (NotImplementedError, RuntimeError) as error:
            raise ModelRejected(f"onnx's reference evaluator does not load the file: {error}") from error
        inputs, outputs = ([ReadPort(**port) for port in ports] for ports in (opened.inputs, opened.outputs))
        return NamedSession(inputs, outputs, opened.run)

    def source(self) -> bytes:
        return Path(reference_model.__file__).read_bytes()
