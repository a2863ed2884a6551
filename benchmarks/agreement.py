"""The same model by ``parefront measure`` and by plain Python loops over its session: medians, taken in turn.

    python benchmarks/agreement.py [--rounds 10]

One loop calls ``run`` with a numpy array, which copies and allocates at every call; the other binds inputs and outputs
once, as ``onnxruntime_perf_test`` and the worker do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from disturbed import models

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import measure
from parefront.inspection.measuring import PROTOCOL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, Device() as device:
        for path in models(Path(folder))[:2]:
            times: dict[str, list[float]] = {"measured": [], "run": [], "bound": []}
            for _ in range(rounds):
                times["measured"].append(measure(device, path, path, PROTOCOL).p50_ms)
                times["run"].append(plain_loop_ms(path, bound=False))
                times["bound"].append(plain_loop_ms(path, bound=True))
            ours, *theirs = (float(np.median(values)) for values in times.values())
            words = [
                f"{name} {ms:.4f} ms ({ours / ms - 1:+.2%})" for name, ms in zip(list(times)[1:], theirs, strict=True)
            ]
            print(f"{path.name}: measured {ours:.4f} ms, {', '.join(words)}", flush=True)


def plain_loop_ms(model: Path, bound: bool, seconds: float = 2.0) -> float:
    """The median of single runs with one thread, the first tenth left out."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    image = np.random.default_rng(0).normal(size=(1, *given.shape[1:])).astype(np.float32)
    binding = session.io_binding()
    value = ort.OrtValue.ortvalue_from_numpy(image)
    binding.bind_ortvalue_input(given.name, value)
    binding.bind_output(session.get_outputs()[0].name)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        if bound:
            session.run_with_iobinding(binding)
        else:
            session.run(None, {given.name: image})
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[len(times) // 10 :]))


if __name__ == "__main__":
    main()
