"""The loop of a search with up to a thousand workers and a hundred thousand trials: what it takes, where it ends.

python benchmarks/scale.py [--samplers random nsga2 auto] [--workers 256] [--trials 10000] [--seconds 10] [--folder F]

The workers are simulated on a clock of their own (:mod:`virtual_workers`), the network is a formula
(:mod:`parefront.testing.formula`, 40 knobs); sampler, study, records, front and files are real. What the loop takes of
the processor passes on that clock, too; what the disk takes passes with ``--wall``.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from long_runs import Formula
from virtual_workers import VirtualWorkers

from parefront.search.controller import search
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.run import Run

BLOCKS = 10
WINDOW = 200
"""Trials that a reading of what one takes is over."""


class Watch:
    """Reads what a trial takes, and the memory, whenever so many are done."""

    def __init__(self, workers: VirtualWorkers, marks: Collection[int]) -> None:
        self._workers, self._marks, self._steps = workers, marks, list[float]()
        self._last = 0.0
        self.rows: list[str] = []

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Finished):
            return
        self._steps.append(self._workers.charged - self._last)
        self._last = self._workers.charged
        if event.done in self._marks:
            steps = 1000 * np.array(self._steps[-WINDOW:])
            self.rows.append(
                f"  {event.done} done: {steps.mean():.1f} ms a trial (95 of 100 below {np.quantile(steps, 0.95):.1f}), "
                f"{len(event.front)} on the front, {rss_mb():.0f} MB"
            )
            print(self.rows[-1], flush=True)
            self._steps.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", nargs="+", default=["random", "nsga2", "auto"])
    parser.add_argument("--workers", nargs="+", type=int, default=[256])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="that an evaluation takes on the average")
    parser.add_argument("--failing", type=float, default=0.01, help="share of evaluations that fail")
    parser.add_argument("--wall", action="store_true", help="charge the wall clock, with what the disk takes")
    parser.add_argument("--folder", help="keeps the runs there")
    given = parser.parse_args()
    for sampler in given.samplers:
        for workers in given.workers:
            simulate(sampler, workers, given)


def simulate(sampler: str, count: int, given: argparse.Namespace) -> None:
    """Search once, and print what it took."""
    with ExitStack() as stack:
        root = given.folder or stack.enter_context(tempfile.TemporaryDirectory())
        config = {
            "objectives": ["accuracy", "latency"],
            "budget": ["latency <= 0.7x"],
            "search": {"sampler": sampler, "trials": given.trials},
        }
        run, evaluator = Run.create(f"{sampler}-{count}-{given.trials}", config, root=root), Formula(BLOCKS)
        clock = time.perf_counter if given.wall else time.process_time
        workers = VirtualWorkers(evaluator, count, given.seconds, failing=given.failing, clock=clock)
        marks = {mark for mark in (1000, 3000, 10_000, 20_000, 30_000, 50_000, 75_000, 100_000) if mark < given.trials}
        print(f"{sampler}, {count} workers, {given.trials} trials of {given.seconds:g} s:", flush=True)
        began, watch = time.perf_counter(), Watch(workers, marks | {given.trials})
        search(run, evaluator, watch, executor=workers)
        print(
            f"  {workers.steady:.1%} of the workers' time used; {workers.now:.0f} s simulated, of which the loop took "
            f"{workers.charged:.0f} s ({workers.charged / workers.now:.0%}); {given.trials / workers.now:.1f} trials a "
            f"second; study {mb(run.path / 'study.db'):.0f} MB, records {mb(run.path / 'trials'):.0f} MB; "
            f"really {time.perf_counter() - began:.0f} s",
            flush=True,
        )


def mb(path: Path) -> float:
    files = [path] if path.is_file() else path.iterdir()
    return sum(file.stat().st_size for file in files) / 1e6


def rss_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
