"""ONNX's reference evaluator as a runtime of Parefront: slow, in one thread, and needs nothing but ONNX and NumPy."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import reference_model
from numpy.typing import NDArray

from parefront.evaluators.runtimes.runtime import AUTO, ModelRejected, Runtime, RuntimeUnavailable
from parefront.evaluators.runtimes.session import ReadPort, Session


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
            return Opened(reference_model.Model(content, {}))
        except ImportError as error:
            raise RuntimeUnavailable(f"onnx cannot be imported here ({error}): {self.install}") from error
        except (NotImplementedError, RuntimeError) as error:
            raise ModelRejected(f"onnx's reference evaluator does not load the file: {error}") from error

    def source(self) -> bytes:
        return Path(reference_model.__file__).read_bytes()


class Opened:
    """A model, as whoever scores it sees it."""

    def __init__(self, model: reference_model.Model) -> None:
        self.model = model

    def get_inputs(self) -> list[ReadPort]:
        return [ReadPort(**port) for port in self.model.inputs]

    def get_outputs(self) -> list[ReadPort]:
        return [ReadPort(**port) for port in self.model.outputs]

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        found = self.model.run(dict(input_feed))
        return [found[name] for name in output_names]
