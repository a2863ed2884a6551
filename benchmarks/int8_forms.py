"""Forms that int8 may have in a file, and what each takes in ONNX Runtime and OpenVINO, by each runtime's own API.

    python benchmarks/int8_forms.py [--network resnet56] [--rounds 40]

All layers are in int8. What differs from what ``quantize`` writes: scales of weights by layer instead of by output
channel, activations signed instead of unsigned, residual additions in float, the first and the last layer in float.
Files run in turn in one process, as in ``runtimes.py``; accuracy is that of a plain loop over the test split.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from cifar10 import task
from example import quickstart
from runtimes import Run, accuracy, by_onnxruntime, by_openvino, timed

from parefront.compressors.integers import placement
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.device.device import Device
from parefront.evaluators.quality.accuracy import split_inputs
from parefront.evaluators.trial.builder import Builder, target_of
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy

RUNTIMES = {
    "ONNX Runtime": ("onnxruntime", ""),
    "OpenVINO": ("openvino", "f32"),
    "OpenVINO, bf16": ("openvino", "bf16"),
}


@dataclass(frozen=True)
class Form:
    """How a file with integers differs from what ``quantize`` writes.

    Attributes:
        options: of ``quantize``.
        signed: whether activations are the other way: signed where the device wants them unsigned.
        in_float: operators that integers do not pass through.
        ends: whether the first and the last layer stay in float.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    signed: bool = False
    in_float: frozenset[str] = frozenset()
    ends: bool = False


FORMS = {
    "as `quantize` writes it": Form(),
    "weights scaled by layer": Form({"granularity": "tensor"}),
    "signed activations": Form(signed=True),
    "additions in float": Form(in_float=frozenset({"Add"})),
    "first and last layer in float": Form(ends=True),
}


def written(builder: Builder, form: Form, path: Path) -> Path:
    """The network with all layers in int8 of that form."""
    target = builder.context.target
    if form.signed:
        target = replace(target, signed_activations=not target.signed_activations)
    options = {"bits": [32, 8], **form.options}
    pipeline = Pipeline.of([create("quantize", options, target)], builder.traced.graph)
    policy = pipeline.space.uniform({"quantize": 8})
    if form.ends:
        names = [f"quantize/{layer.name}" for layer in builder.traced.graph.layers]
        policy = Policy({name: bits for name, bits in policy.items() if name not in (names[0], names[-1])})
    with _in_float(form.in_float):
        net = pipeline.apply(builder.traced.net, policy, replace(builder.context, target=target))
    emit(net, path, builder.calibration.inputs[:4])
    return path


@contextmanager
def _in_float(operators: frozenset[str]) -> Iterator[None]:
    kept = placement.CARRIERS
    vars(placement)["CARRIERS"] = kept - operators
    try:
        yield
    finally:
        vars(placement)["CARRIERS"] = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=["resnet20", "resnet56", "quickstart"], default="resnet56")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    given = quickstart() if arguments.network == "quickstart" else task(int(arguments.network[6:]))
    with Device() as device:
        builder = Builder(given, {"quantize": {"bits": [32, 8]}}, target_of(device.profile))
    images, labels = split_inputs(given.test)  # type: ignore[arg-type]
    image = np.ascontiguousarray(images[:1])
    with tempfile.TemporaryDirectory() as folder:
        builder.build(Policy(), Path(folder) / "float.onnx")
        runs = {"float": by_onnxruntime(Path(folder) / "float.onnx", image)}
        files = {
            name: written(builder, form, Path(folder) / f"{i}.onnx") for i, (name, form) in enumerate(FORMS.items())
        }
        for name, path in files.items():
            runs |= {f"{name} in {runtime}": run for runtime in RUNTIMES if (run := loaded(path, runtime, image))}
        times = timed(runs, arguments.rounds)
        print(
            f"load {os.getloadavg()[0]:.1f}\n\n| | {' | '.join(f'{name}: share | accuracy %' for name in RUNTIMES)} |"
        )
        print(f"| --- |{' --- | --- |' * len(RUNTIMES)}")
        for name, path in files.items():
            cells = []
            for runtime, (library, precision) in RUNTIMES.items():
                if (ms := times.get(f"{name} in {runtime}")) is None:
                    cells.append("not loaded | ")
                    continue
                right = accuracy(path, library, precision, images, np.asarray(labels))
                cells.append(f"{ms[0] / times['float'][0]:.3f} | {100 * right:.2f}")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def loaded(path: Path, runtime: str, image: np.ndarray) -> Run | None:
    """What runs a file once; None where the runtime does not load it, which is printed."""
    library, precision = RUNTIMES[runtime]
    if library == "onnxruntime":
        return by_onnxruntime(path, image)
    try:
        return by_openvino(path, image, precision)
    except RuntimeError as error:
        print(f"{runtime} does not load {path.name}: {str(error).strip().splitlines()[-1]}", flush=True)
        return None


if __name__ == "__main__":
    main()
