"""NCNN, as a device's worker is sent it, and as it is used on this machine to compute outputs.

One file for any Python that the wheels of ncnn and pnnx support, with NumPy: it is streamed, and therefore imports
nothing of parefront. What it defines is what `worker.Plugged` asks for.

`pnnx` turns an ONNX file into NCNN's own two, for inputs of fixed sizes; NCNN then runs one sample at a time, in floats
of 32 bits. It has no layers for integers as ONNX writes them, for branches, and for some operators: such a file is
refused.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

INSTALL = "pip install --no-deps ncnn pnnx"  # pnnx names PyTorch among what it needs, and does without it
FLOAT = 1  # of ONNX's element types
CONVERSION_SECONDS = 600
DESCRIPTION, WEIGHTS = "net.ncnn.param", "net.ncnn.bin"  # what pnnx makes of net.onnx
MENDS = {  # what is not in a file without it, by a layer that NCNN has not
    "QuantizeLinear": "it takes no integers as ONNX writes them: leave out quantize",
    "If": "it has no branches: leave out early_exit",
}
KEPT_AS_THEY_ARE = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")
# What a layer of NCNN's is in ONNX, as far as it has weights; others keep NCNN's name.
OPERATORS = {
    "Convolution": "Conv", "ConvolutionDepthWise": "Conv", "Convolution1D": "Conv", "ConvolutionDepthWise1D": "Conv",
    "Convolution3D": "Conv", "Deconvolution": "ConvTranspose", "InnerProduct": "Gemm",
}  # fmt: skip


def describe(options: dict[str, Any]) -> dict[str, str]:
    """Version, and the precision in effect: `ValueError` for another one."""
    import ncnn  # noqa: F401

    converter()
    if str(options.get("precision", "auto")) not in ("auto", "f32"):
        raise ValueError(f"expected a precision of auto or f32, got {options['precision']!r}")
    return {"version": importlib.metadata.version("ncnn"), "precision": "f32"}


def converter() -> str:
    """The program that converts; its package is not imported, since that would import PyTorch."""
    found = importlib.util.find_spec("pnnx")
    if found is None or found.origin is None:
        raise ImportError("No module named 'pnnx'")
    return os.path.join(os.path.dirname(found.origin), "pnnx")


class Model:
    """A model for one sample at a time.

    `inputs` and `outputs` are described as ONNX Runtime does it: `name`, `shape` (None where an axis is free), `type`.
    """

    def __init__(self, content: bytes, options: dict[str, Any], profiled: bool = False, kept: str = "") -> None:
        """NCNN's files are left in the folder `kept`, where one is given."""
        self.inputs, self.outputs = ports(content)
        others = [port["name"] for port in self.inputs if port["type"] != "tensor(float)"]
        free = [port["name"] for port in self.inputs if None in port["shape"][1:] or not port["shape"]]
        if others or free:
            problem = "are no float32" if others else "have free sizes"
            raise ValueError(f"inputs {', '.join(others or free)} {problem}, which ncnn cannot take")
        with contextlib.nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
            convert(content, [port["shape"] for port in self.inputs], folder)
            self.net = loaded(folder, int(options["threads"]))
        self.profiled, self.times = profiled, dict[str, float]()
        self.blobs = [(layer.name, layer.type, layer.tops) for layer in self.net.layers()] if profiled else []

    def bind(self, feeds: dict[str, Any]) -> Callable[[], object]:
        """A call that runs the model once on each sample of these arrays."""
        return functools.partial(self.computed, list(self.samples(feeds)))

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        """The outputs by name."""
        import numpy as np

        rows = [[result.numpy().copy() for result in self.sample(mats)[1]] for mats in self.samples(feeds)]
        found = {port["name"]: np.stack([row[index] for row in rows]) for index, port in enumerate(self.outputs)}
        return {port["name"]: shaped(found[port["name"]], port["shape"]) for port in self.outputs}

    def computed(self, samples: list[Any]) -> None:
        for mats in samples:
            self.sample(mats)

    def sample(self, mats: list[Any]) -> tuple[Any, list[Any]]:
        """What computes a sample, which has to live as long as its results, and the results."""
        run = self.net.create_extractor()
        for name, (_, mat) in zip(self.net.input_names(), mats, strict=True):
            run.input(name, mat)
        if self.profiled:
            self.times = self.timed(run)
        results = []
        for name in self.net.output_names():
            failed, result = run.extract(name)
            if failed:
                raise RuntimeError(f"ncnn does not compute {name} (it says {failed})")
            results.append(result)
        return run, results

    def timed(self, run: Any) -> dict[str, float]:
        """Microseconds of each layer: what comes before it is there when it is asked for."""
        times = {}
        run.set_light_mode(False)
        for name, kind, tops in self.blobs:
            started = time.perf_counter()
            if kind != "Input":
                for top in tops:
                    run.extract(self.net.blobs()[top].name)
            times[name] = 1e6 * (time.perf_counter() - started)
        return times

    def samples(self, feeds: dict[str, Any]) -> Iterator[list[Any]]:
        """NCNN's inputs of each sample; an array stays beside the matrix that looks into it."""
        import ncnn
        import numpy as np

        given = [np.ascontiguousarray(feeds[port["name"]]) for port in self.inputs]
        for index in range(len(given[0])):
            arrays = [array[index] for array in given]
            yield [(array, ncnn.Mat(array)) for array in arrays]

    def last_run(self) -> list[dict[str, Any]]:
        """Name, type and microseconds of each layer in the last run."""
        return [{"name": n, "op": OPERATORS.get(kind, kind), "us": self.times.get(n, 0.0)} for n, kind, _ in self.blobs]


def convert(content: bytes, shapes: list[list[int | None]], folder: str) -> None:
    """Write `net.ncnn.param` and `net.ncnn.bin` into a folder: `ValueError` where that cannot be.

    Args:
        content: of an ONNX file.
        shapes: of its inputs, the batch axis first, which becomes one.
        folder: where other files of `pnnx` are left, too.
    """
    with open(os.path.join(folder, "net.onnx"), "wb") as file:
        file.write(content)
    sizes = ",".join(f"[{','.join(str(size) for size in (1, *shape[1:]))}]f32" for shape in shapes)
    command = [converter(), "net.onnx", f"inputshape={sizes}", "fp16=0"]
    ended = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        timeout=CONVERSION_SECONDS, check=False,
    )  # fmt: skip
    if ended.returncode or not os.path.exists(os.path.join(folder, WEIGHTS)):
        said = ended.stdout.decode(errors="replace").strip().splitlines()
        raise ValueError(f"pnnx does not convert it ({said[-1] if said else f'it ended with {ended.returncode}'})")


def loaded(folder: str, threads: int) -> Any:
    """The network in a folder: `ValueError` where ncnn lacks a layer, or cannot load it."""
    import ncnn

    description = os.path.join(folder, DESCRIPTION)
    with open(description) as file:
        kinds = [line.split()[0] for line in file.read().splitlines()[2:] if line.strip()]
    missing = [kind for kind in dict.fromkeys(kinds) if ncnn.layer_to_index(kind) < 0]
    if missing:
        mends = [mend for kind, mend in MENDS.items() if kind in missing]
        raise ValueError("; ".join([f"ncnn has no layer {', '.join(missing)}", *mends]))
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for name in KEPT_AS_THEY_ARE:
        setattr(net.opt, name, False)
    if net.load_param(description) or net.load_model(os.path.join(folder, WEIGHTS)):
        raise ValueError("ncnn does not load what pnnx has made of it")
    return net


def shaped(array: Any, shape: list[int | None]) -> Any:
    """Outputs `(n, …)` in the sizes that the file says; NCNN leaves out axes of one."""
    known = [size for size in shape[1:] if size is not None]
    return array.reshape(len(array), *known) if len(known) == len(shape) - 1 else array


def ports(content: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Inputs and outputs of an ONNX file, read from its bytes: a device has no onnx."""
    data = memoryview(content)
    graph = next((value for number, value in fields(data) if number == 7), None)
    if graph is None:
        raise ValueError("not an ONNX model: it has no graph")
    parts: dict[int, list[Any]] = {5: [], 11: [], 12: []}
    for number, value in fields(graph):
        if number in parts:
            parts[number].append(value)
    stored = {text(value, 8) for value in parts[5]}
    inputs, outputs = ([described(value) for value in parts[number]] for number in (11, 12))
    return [port for port in inputs if port["name"] not in stored], outputs


def described(value: Any) -> dict[str, Any]:
    tensor = inner(inner(value, 2), 1)
    kind = next((number for field, number in fields(tensor) if field == 1), 0)
    axes = [axis for field, axis in fields(inner(tensor, 2)) if field == 1]
    shape = [next((size for field, size in fields(axis) if field == 1 and size > 0), None) for axis in axes]
    return {"name": text(value, 1), "shape": shape, "type": "tensor(float)" if kind == FLOAT else f"tensor({kind})"}


def inner(data: Any, number: int) -> Any:
    """The last message in a field, or an empty one."""
    found = [value for field, value in fields(data) if field == number and not isinstance(value, int)]
    return found[-1] if found else memoryview(b"")


def text(data: Any, number: int) -> str:
    return bytes(inner(data, number)).decode(errors="replace")


def fields(data: Any) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message by number: whole numbers, and what has a length."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            number, at = varint(data, at)
            yield key >> 3, number
            continue
        size = {1: 8, 5: 4}.get(kind, -1)
        if kind == 2:
            size, at = varint(data, at)
        if size < 0 or at + size > len(data):
            raise ValueError("not an ONNX model")
        if kind == 2:
            yield key >> 3, data[at : at + size]
        at += size


def varint(data: Any, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("not an ONNX model")
