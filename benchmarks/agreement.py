"""The same model by ``parefront measure`` and by a plain Python loop over its session: medians, taken in turn.

python benchmarks/agreement.py [--rounds 10]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from disturbed import models

from parefront.evaluators import Device, measure
from parefront.measuring import PROTOCOL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, Device() as device:
        for path in models(Path(folder)):
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(measure(device, path, path, PROTOCOL).p50_ms)
                theirs.append(plain_loop_ms(path))
            off = np.median(ours) / np.median(theirs) - 1
            print(f"{path.name}: measured {np.median(ours):.4f} ms, loop {np.median(theirs):.4f} ms ({off:+.2%})")


def plain_loop_ms(model: Path, seconds: float = 2.0) -> float:
    """The median of single runs with one thread, the first tenth left out."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    image = {given.name: np.random.default_rng(0).normal(size=(1, *given.shape[1:])).astype(np.float32)}
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        session.run(None, image)
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[len(times) // 10 :]))


if __name__ == "__main__":
    main()
