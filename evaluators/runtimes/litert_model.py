"""LiteRT, as a device's worker is sent it, and as it is used on this machine to compute outputs.

One file for any Python that LiteRT's wheel supports, with NumPy: it is streamed, and therefore imports nothing of
parefront. What it defines is what `worker.Plugged` asks for. What it is given is a file in LiteRT's own format, which
is made of the ONNX file where the search runs: a device needs nothing but the interpreter.

The interpreter runs on the CPU through XNNPACK, its default, and by LiteRT's own kernels where XNNPACK has none. With
one thread it runs in the thread that asks, so that its CPU time tells preemption.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

INSTALL = "pip install ai-edge-litert"
READS_ONNX = False
MAX_INTERPRETERS = 2
NAMES = {"float32": "float", "float64": "double"}  # of ONNX Runtime, where they differ from NumPy's
_said: list[bool] = []  # filled once LiteRT has written what it writes once a process


def describe(options: dict[str, Any]) -> dict[str, str]:
    """Version, and the precision in effect: `ValueError` for another one."""
    from ai_edge_litert import interpreter  # noqa: F401

    if str(options.get("precision", "auto")) not in ("auto", "f32"):
        raise ValueError(f"expected a precision of auto or f32, got {options['precision']!r}")
    return {"version": importlib.metadata.version("ai-edge-litert"), "precision": "f32"}


class Model:
    """A model, with an interpreter for each shape of its inputs that it is run on, the `MAX_INTERPRETERS` last ones.

    `inputs` and `outputs` are described as ONNX Runtime does it: `name`, `shape` (None where an axis is free), `type`.
    """

    def __init__(self, content: bytes, options: dict[str, Any], profiled: bool = False) -> None:
        self.content, self.threads, self.us = content, int(options["threads"]), 0.0
        self.profiled = profiled
        self.interpreters: dict[tuple[Any, ...], Any] = {}
        first = self.opened()
        self.inputs = [described(port) for port in first.get_input_details()]
        self.outputs = [described(port) for port in first.get_output_details()]

    def opened(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=self.content, num_threads=self.threads)

    def bind(self, feeds: dict[str, Any]) -> Callable[[], object]:
        """A call that runs the model once on these arrays, which are copied beforehand."""
        interpreter = self.filled(feeds)
        return (lambda: self.timed(interpreter)) if self.profiled else interpreter.invoke

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """The outputs by name."""
        interpreter = self.filled(feeds)
        interpreter.invoke()
        return {port["name"]: interpreter.get_tensor(port["index"]) for port in interpreter.get_output_details()}

    def filled(self, feeds: dict[str, Any]) -> Any:
        """The interpreter for arrays of these shapes, which holds them."""
        import numpy as np

        key = tuple(tuple(feeds[port["name"]].shape) for port in self.inputs)
        if key not in self.interpreters:
            interpreter = self.opened()
            for port, shape in zip(interpreter.get_input_details(), key):  # noqa: B905  (Python 3.9 has no strict=)
                if tuple(port["shape"]) != shape:
                    interpreter.resize_tensor_input(port["index"], shape, strict=True)
            with quiet():
                interpreter.allocate_tensors()
            while len(self.interpreters) >= MAX_INTERPRETERS:
                self.interpreters.pop(next(iter(self.interpreters)))
            self.interpreters[key] = interpreter
        interpreter = self.interpreters[key]
        for port in interpreter.get_input_details():
            interpreter.set_tensor(port["index"], np.ascontiguousarray(feeds[port["name"]]))
        return interpreter

    def timed(self, interpreter: Any) -> None:
        started = time.perf_counter()
        interpreter.invoke()
        self.us = 1e6 * (time.perf_counter() - started)

    def last_run(self) -> list[dict[str, Any]]:
        """The last run as one operator: LiteRT's Python interface tells nothing of those in it."""
        return [{"name": "whole run", "op": "LiteRT", "us": self.us}]


def described(port: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    kind = np.dtype(port["dtype"]).name
    sizes = port["shape_signature"] if len(port["shape_signature"]) else port["shape"]
    shape = [int(size) if size >= 0 else None for size in sizes]
    return {"name": port["name"], "shape": shape, "type": f"tensor({NAMES.get(kind, kind)})"}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the line that LiteRT writes on standard error when a process first uses XNNPACK."""
    if _said:
        yield
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
        _said.append(True)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
