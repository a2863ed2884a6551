"""OpenVINO, as a device's worker is sent it, and as it is used on this machine to compute outputs.

One file for any Python that OpenVINO's wheel supports, with NumPy and OpenVINO: it is streamed, and therefore imports
nothing of parefront. What it defines is what `worker.Plugged` asks for.

How models run (measured on ResNet-56, one thread, OpenVINO 2026.4): shapes are fixed before the model is compiled,
since free axes cost 10 % to 45 %; one stream; threads are not pinned to cores, where those of two models would meet;
the precision is always said. With one thread it runs in the thread that asks, so that its CPU time tells preemption.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

INSTALL = "pip install openvino"
PRECISIONS = {"f32": "f32", "bf16": "bf16"}
NAMES = {"bfloat16": "bf16", "float32": "f32", "float16": "f16"}
NEEDS = {"bf16": "BF16"}  # what the processor has to have, by OpenVINO's name, or it computes in another precision
MAX_COMPILED = 2
# What a node that ran is in ONNX, as far as it has weights; others keep OpenVINO's name.
OPERATORS = {
    "Convolution": "Conv", "GroupConvolution": "Conv", "Deconvolution": "ConvTranspose", "FullyConnected": "MatMul",
}  # fmt: skip
WITHOUT_BIAS = "/WithoutBiases"  # how OpenVINO calls the layer of a node whose bias it adds itself


def describe(options: dict[str, Any]) -> dict[str, str]:
    """Version, and the precision in effect: `ValueError` for one that this processor does not have."""
    openvino = imported()
    return {"version": openvino.__version__.split("-")[0], "precision": precision_in_effect(options)}


def precision_in_effect(options: dict[str, Any]) -> str:
    asked = str(options.get("precision", "auto"))
    if asked == "auto":
        found: str = core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
        return NAMES.get(found, found)
    if asked not in PRECISIONS:
        raise ValueError(f"expected a precision of auto, {', '.join(PRECISIONS)}, got {asked!r}")
    if asked in NEEDS and NEEDS[asked] not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ValueError(f"this processor does not compute in {asked}; it has {capabilities()}")
    return asked


def capabilities() -> str:
    return ", ".join(sorted(core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")))


@functools.lru_cache(maxsize=1)
def core() -> Any:
    return imported().Core()


def imported() -> Any:
    """OpenVINO, without what tells its maker of each import: a process that is forked for it, and that never ends where
    another thread reads standard input."""
    name = "openvino_telemetry"
    hidden = name not in sys.modules
    if hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails, which OpenVINO is prepared for
    try:
        import openvino
    finally:
        if hidden:
            del sys.modules[name]
    return openvino


class Model:
    """A model, compiled for each shape of its inputs that it is run on, the `MAX_COMPILED` last ones.

    `inputs` and `outputs` are described as ONNX Runtime does it: `name`, `shape` (None where an axis is free), `type`.
    """

    def __init__(self, content: bytes, options: dict[str, Any], profiled: bool = False) -> None:
        self.read = core().read_model(content)
        self.settings = {
            "INFERENCE_NUM_THREADS": int(options["threads"]), "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False, "INFERENCE_PRECISION_HINT": precision_in_effect(options),
            "PERF_COUNT": profiled,
        }  # fmt: skip
        self.inputs = [described(port) for port in self.read.inputs]
        self.outputs = [described(port) for port in self.read.outputs]
        self.compiled: dict[tuple[Any, ...], Any] = {}
        self.request: Any = None

    def bind(self, feeds: dict[str, Any]) -> Callable[[], object]:
        """A call that runs the model once on these arrays, which it does not copy."""
        request = self.requested(feeds)
        given = [feeds[port["name"]] for port in self.inputs]
        return functools.partial(request.infer, given, share_inputs=True, share_outputs=True)

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """The outputs by name."""
        found = self.requested(feeds).infer([feeds[port["name"]] for port in self.inputs])
        return {port["name"]: found[index] for index, port in enumerate(self.outputs)}

    def requested(self, feeds: dict[str, Any]) -> Any:
        """The request of the model as it is compiled for arrays of these shapes."""
        shapes = [list(feeds[port["name"]].shape) for port in self.inputs]
        key = tuple(map(tuple, shapes))
        if key not in self.compiled:
            fixed = self.read.clone()
            fixed.reshape(dict(zip(fixed.inputs, shapes, strict=True)))
            while len(self.compiled) >= MAX_COMPILED:
                self.compiled.pop(next(iter(self.compiled)))
            self.compiled[key] = core().compile_model(fixed, "CPU", self.settings).create_infer_request()
        self.request = self.compiled[key]
        return self.request

    def last_run(self) -> list[dict[str, Any]]:
        """Name, type and microseconds of each node in the last run; of those that were fused away 0."""
        return [
            {
                "name": node.node_name[: -len(WITHOUT_BIAS)]
                if node.node_name.endswith(WITHOUT_BIAS)
                else node.node_name,
                "op": OPERATORS.get(node.node_type, node.node_type),
                "us": node.real_time.total_seconds() * 1e6,
            }
            for node in self.request.get_profiling_info()
        ]


def described(port: Any) -> dict[str, Any]:
    kind = port.element_type.to_dtype().name
    names = {"float32": "float", "float64": "double"}
    return {
        "name": port.get_any_name(),
        "shape": [None if size.is_dynamic else size.get_length() for size in port.partial_shape],
        "type": f"tensor({names.get(kind, kind)})",
    }
