"""The uncompressed network and plain int8 by each runtime's own API: times in turn, accuracies, and Parefront's beside.

    python benchmarks/runtimes.py [loops] [--network resnet56] [--rounds 40] [--measured]
    python benchmarks/runtimes.py search [--network resnet56] [--trials 40] [--minutes 40]
                                   [--run runs/NAME]

Nothing of Parefront's devices takes part in the plain loops: an ``onnxruntime.InferenceSession`` with bound inputs and
outputs, an OpenVINO request of a model with fixed shapes; one thread each. Models run in blocks of ten, in turn, in an
order that is drawn anew in every round; the first run of a block is dropped. Times are medians over rounds of medians
of blocks, in the thread's CPU time and in wall time. ``--measured`` adds what a ``Device`` of each runtime says.
``search`` is in ``runtimes_searched.py``.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import ncnn
import numpy as np
import onnxruntime as ort
import openvino
from ai_edge_litert.interpreter import Interpreter
from cifar10 import task
from compare import REPOSITORY
from enlarged import enlarged_task
from example import quickstart
from runtimes_searched import searched, told

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.quality.accuracy import split_inputs
from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.runtimes.ncnn_model import convert, loaded
from parefront.evaluators.trial.builder import Builder, target_of
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task

RUNS = 10
BATCH = 64
READING = LatencyProtocol(min_samples=200, min_seconds=2.0, max_seconds=6.0)
VARIANTS = {
    "ONNX Runtime, float": ("float", "onnxruntime", ""),
    "ONNX Runtime, int8": ("int8", "onnxruntime", ""),
    "OpenVINO, float in f32": ("float", "openvino", "f32"),
    "OpenVINO, float in bf16": ("float", "openvino", "bf16"),
    "OpenVINO, int8 and f32": ("int8", "openvino", "f32"),
    "OpenVINO, int8 and bf16": ("int8", "openvino", "bf16"),
    "NCNN, float": ("float", "ncnn", "f32"),
    "LiteRT, float": ("float", "litert", "f32"),
    "LiteRT, int8": ("int8", "litert", "f32"),
}
Run = Callable[[], object]


def files(given: Task, folder: Path) -> dict[str, Path]:
    """The uncompressed network, and all of it in int8, as a search emits them."""
    with Device() as device:
        builder = Builder(given, {"quantize": {"bits": [32, 8]}}, target_of(device.profile))
    policies = {"float": Policy(), "int8": builder.space.uniform({"quantize": 8})}
    return {name: _built(builder, policy, folder / f"{name}.onnx") for name, policy in policies.items()}


def _built(builder: Builder, policy: Policy, path: Path) -> Path:
    builder.build(policy, path)
    return path


def by_onnxruntime(path: Path, image: np.ndarray) -> Run:
    session = _session(path)
    binding = session.io_binding()
    value = ort.OrtValue.ortvalue_from_numpy(image)
    binding.bind_ortvalue_input("input", value)
    binding.bind_output("output")
    session.run_with_iobinding(binding)
    binding.bind_ortvalue_output("output", binding.get_outputs()[0])

    def run(kept: Any = value) -> None:
        session.run_with_iobinding(binding)

    return run


def by_openvino(path: Path, image: np.ndarray, precision: str, threads: int = 1) -> Run:
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(list(image.shape))
    settings = {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False, **({} if precision == "auto" else {"INFERENCE_PRECISION_HINT": precision}),
    }  # fmt: skip
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([image], share_inputs=True, share_outputs=True)


def by_ncnn(path: Path, image: np.ndarray) -> Run:
    """One sample; the file is converted by ``pnnx``, and computed in float32."""
    with tempfile.TemporaryDirectory() as folder:
        convert(path.read_bytes(), [list(image.shape)], folder)
        net = loaded(folder, threads=1)

    def run(kept: np.ndarray = image) -> Any:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(kept[0]))
        return extractor.extract("out0")[1].numpy().copy()

    return run


def by_litert(path: Path, image: np.ndarray) -> Run:
    """The file that is written of an ONNX file, in LiteRT's interpreter with XNNPACK, which is its default."""
    content = LiteRt().translated(path.read_bytes())
    interpreter = Interpreter(model_content=content, num_threads=1)
    given, found = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(given, image.shape, strict=True)
    interpreter.allocate_tensors()

    def run(kept: np.ndarray = image) -> Any:
        interpreter.set_tensor(given, kept)
        interpreter.invoke()
        return interpreter.get_tensor(found)

    return run


def plain_loop(path: Path, runtime: str, precision: str, image: np.ndarray) -> Run:
    """Runs a file on an image."""
    if runtime == "onnxruntime":
        return by_onnxruntime(path, image)
    if runtime == "litert":
        return by_litert(path, image)
    return by_ncnn(path, image) if runtime == "ncnn" else by_openvino(path, image, precision)


def accuracy(path: Path, runtime: str, precision: str, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images that are put into their class, by a plain loop over batches."""
    whole = len(images) // BATCH * BATCH
    if runtime == "onnxruntime":
        session = _session(path)
        found = [session.run(None, {"input": images[i : i + BATCH]})[0] for i in range(0, whole, BATCH)]
    elif runtime == "ncnn":
        one = np.empty_like(images[:1])
        run = by_ncnn(path, one)
        found = []
        for sample in images[:whole]:
            one[:] = sample
            found.append(run()[np.newaxis])  # type: ignore[index]
    else:
        batch = np.empty_like(images[:BATCH])
        run = plain_loop(path, runtime, precision, batch)
        found = []
        for start in range(0, whole, BATCH):
            batch[:] = images[start : start + BATCH]
            outputs: Any = run()
            found.append(np.array(outputs if runtime == "litert" else outputs[0]))
    return float((np.concatenate(found).argmax(1) == labels[:whole]).mean())


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def timed(runs: dict[str, Run], rounds: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of CPU time and of wall time of each, in turn."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    order = random.Random(0)
    for _ in range(rounds):
        names = list(runs)
        order.shuffle(names)
        for name in names:
            found[name].append(_block(runs[name]))
    return {
        name: (median(cpu for cpu, _ in blocks), median(wall for _, wall in blocks)) for name, blocks in found.items()
    }


def _block(run: Run) -> tuple[float, float]:
    spent = []
    for _ in range(1 + RUNS):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        run()
        spent.append((time.thread_time_ns() - cpu, time.perf_counter_ns() - wall))
    return median(cpu for cpu, _ in spent[1:]) / 1e6, median(wall for _, wall in spent[1:]) / 1e6


def measured(made: dict[str, Path]) -> None:
    """What devices say of int8 against float, each in one runtime."""
    for runtime, precision in (("onnxruntime", "auto"), ("openvino", "f32"), ("openvino", "bf16"), ("litert", "f32")):
        with Device(DeviceOptions(runtime=runtime, precision=precision)) as device:
            read = measure(device, made["int8"], made["float"], READING)
            print(
                f"| {device.profile.runs_on} | {read.reference_ms.value:.3f} | {read.latency_ms.value:.3f} | "
                f"{read.ratio.value:.3f} ({read.ratio.low:.3f} to {read.ratio.high:.3f}) | {read.clock} |",
                flush=True,
            )


def named(network: str) -> Task:
    """The task of a network by its name on the command line."""
    others = {"quickstart": quickstart, "enlarged": enlarged_task}
    return others[network]() if network in others else task(int(network[6:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["loops", "search"], default="loops")
    parser.add_argument("--network", choices=["resnet20", "resnet56", "quickstart", "enlarged"], default="resnet56")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--measured", action="store_true")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--minutes", type=float, help="after which the search ends, its final step not counted")
    parser.add_argument("--run", type=Path, help="of the search; by default runs/runtimes-NETWORK")
    parser.add_argument("--budget", nargs="+", default=[], help="of the search")
    parser.add_argument("--probed", help="a run of the same search, whose probes are taken over")
    parser.add_argument("--runtimes", nargs="+", default=["onnxruntime", "openvino"], help="that the search has")
    arguments = parser.parse_args()
    given = named(arguments.network)
    if arguments.what == "search":
        path = arguments.run or REPOSITORY / "runs" / f"runtimes-{arguments.network}"
        device = {"runtime": arguments.runtimes, "threads": 1}
        told(searched(given, path, arguments.trials, arguments.minutes, device, arguments.budget, arguments.probed))
        return
    with tempfile.TemporaryDirectory() as folder:
        made = files(given, Path(folder))
        images, labels = split_inputs(given.test)  # type: ignore[arg-type]
        image = np.ascontiguousarray(images[:1])
        runs: dict[str, Run] = {}
        for name, (kind, runtime, how) in VARIANTS.items():
            try:
                runs[name] = plain_loop(made[kind], runtime, how, image)
            except ValueError as error:
                print(f"{name}: {error}")
        times = timed(runs, arguments.rounds)
        first = next(iter(times.values()))
        print(f"load {os.getloadavg()[0]:.1f}\n\n| | CPU ms | share | wall ms | share | accuracy % |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name in runs:
            kind, runtime, how = VARIANTS[name]
            right = accuracy(made[kind], runtime, how, images, np.asarray(labels))
            shares = [f"{ms:.3f} | {ms / whole:.3f}" for ms, whole in zip(times[name], first, strict=True)]
            print(f"| {name} | {' | '.join(shares)} | {100 * right:.2f} |", flush=True)
        if arguments.measured:
            measured(made)


if __name__ == "__main__":
    main()
