"""Readings while others keep the cores busy all along: how far off they are, and whether their intervals say so.

    python benchmarks/crowded.py runs/fashion_mnist [--rounds 1] [--burners 0 2 4] [--kind matmul]

Takes a run that was searched on this machine while it was idle, and reads the latency of each member of its front
again, against plain int8, as the final step does: two readings, each repeated where it is noisy. What the front says
is the truth. Neighbours are processes of their own; with 0 of them it is read beside whatever else runs here. Printed
are, for each number of neighbours, the standard deviation of the logarithmic errors, their mean and the greatest, how
many intervals hold the truth, and how many readings are marked as noisy.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from disturbed import burn

from parefront.evaluators.device.agreement import covering
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.timing.timer import one_of_two, readings
from parefront.search.runs.run import Run

FIRST_SECONDS = 1.0
"""After which the neighbours are busy."""


@dataclass(frozen=True)
class Error:
    """Of one reading.

    Attributes:
        log: the logarithm of what was read over what it takes.
        held: whether the interval holds what it takes.
        noisy: whether the reading says that it is.
    """

    log: float
    held: bool
    noisy: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--burners", type=int, nargs="+", default=[0, 2, 4])
    parser.add_argument("--kind", choices=sorted(KINDS), default="matmul")
    arguments = parser.parse_args()
    run = Run.open(arguments.run)
    (anchor,) = (run.path / "artifacts").glob("anchor-*.onnx")
    members = [member for member in run.front if member.policy.digest not in anchor.name]
    (plain,) = (member for member in run.front if member.policy.digest in anchor.name)
    with Device() as device:

        def read(member: Candidate) -> Error:
            file, terms = member.artifact, one_of_two(LatencyProtocol())
            assert file is not None
            twice = [[*readings(lambda asked: measure(device, file, anchor, asked), terms)][-1].ratio for _ in "12"]
            return error(covering(*twice), ratio(member) / ratio(plain), any(one.noisy for one in twice))

        for number in arguments.burners:
            with beside(KINDS[arguments.kind], number):
                said(number, [read(member) for _ in range(arguments.rounds) for member in members])


def ratio(member: Candidate) -> float:
    return member.metrics["latency_ratio"].value


def error(read: Measurement, truth: float, noisy: bool) -> Error:
    return Error(math.log(read.value / truth), read.low <= truth <= read.high, noisy)


def said(number: int, errors: list[Error]) -> None:
    logs, held, noisy = ([getattr(one, name) for one in errors] for name in ("log", "held", "noisy"))
    print(
        f"{number} neighbours: sd {statistics.pstdev(logs):.1%}, mean {statistics.mean(logs):+.1%}, "
        f"worst {max(logs, key=abs):+.1%}; {sum(held)} of {len(errors)} intervals hold the truth, {sum(noisy)} noisy",
        flush=True,
    )


@contextmanager
def beside(work: Callable[[], None], number: int) -> Iterator[None]:
    """Inside, so many processes do that."""
    burners = [multiprocessing.Process(target=work, daemon=True) for _ in range(number)]
    for burner in burners:
        burner.start()
    time.sleep(FIRST_SECONDS)
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.join()


def matmul() -> None:
    """Keeps the vector units and the second cache busy."""
    square = np.random.default_rng(0).standard_normal((384, 384), dtype=np.float32)
    while True:
        square @ square


def copy() -> None:
    """Keeps the memory busy."""
    block = np.zeros(8_000_000, np.float32)
    while True:
        block.copy()


KINDS: dict[str, Callable[[], None]] = {"loop": burn, "matmul": matmul, "copy": copy}


if __name__ == "__main__":
    main()
