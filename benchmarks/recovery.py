"""What recovery gains on ResNet-56's front, by the minutes that it has.

    python benchmarks/recovery.py search --trials 60                 # the front that is trained, once
    python benchmarks/recovery.py train --minutes 10 30 --threads 1  # copies of it, trained for so long
    python benchmarks/recovery.py train --minutes 10 --data calibration
    python benchmarks/recovery.py train --minutes 10 --threads 1 --cpu  # CPU minutes, whatever else runs

Every row is what a user gets of the front within a latency, before and after: the most accurate on the search split.
All is as ``parefront front`` shows it, measured again on the device and on the test split. Latencies are shares of
plain int8's, which the search tries itself.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cifar10 import SPACE, task
from compare import REPOSITORY, latency_ratio

import parefront as pf
import parefront.search.recovery.pace
import parefront.search.recovery.recover
from parefront.evaluators.results.candidate import Candidate
from parefront.search.runs.run import Run
from parefront.search.runs.stores.recovered_store import RecoveredStore

SEARCHED = REPOSITORY / "runs" / "recovery-resnet56"
SHARES = (0.61, 0.47, 0.35, 0.22)
TOLERANCE = 1.03
"""Of a share: the front has no member at exactly this latency."""


def search(path: Path, trials: int, recover: Mapping[str, Any] | None = None) -> Run:
    """A search of ResNet-56, or one that is done gone on with by training."""
    return pf.compress(
        task(56, trains=True), objectives=["accuracy", "latency"], trials=trials, compress=SPACE, run=path,
        device={"threads": 1}, search={"images": 2000, "seed": 0}, recover=recover,
    )  # fmt: skip


def plain_int8(run: Run) -> Candidate:
    """The candidate whose every layer is in int8, and of which nothing else was changed."""
    whole = [record.candidate for record in run.trials if record.candidate is not None]
    return max((c for c in whole if c.policy and set(c.policy.to_dict()) == {"quantize"}), key=lambda c: len(c.policy))


def within(run: Run, limit: float) -> Candidate:
    """The member of the front with the highest accuracy on the search split within a latency ratio."""
    return max((c for c in run.front if latency_ratio(c) <= limit), key=lambda candidate: candidate.accuracy)


def train(source: Path, settings: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A copy of the run, trained; a row for each share."""
    copy = source.with_name(f"{source.name}-{name}")
    if not copy.exists():
        shutil.copytree(source, copy)
    before = Run.open(source)
    run = search(copy, before.settings.trials, settings)
    spent = {trained.trial: trained for trained in RecoveredStore(copy).all()}
    rows, whole = [], plain_int8(before).metrics["latency_ratio"].value
    for share in SHARES:
        limit = share * TOLERANCE * whole
        untrained, trained = within(before, limit), within(run, limit)
        rows.append(
            {
                "share": share,
                "untrained": untrained.metrics["test_accuracy"].value,
                "trained": trained.metrics["test_accuracy"].value,
                "half width": trained.metrics["test_accuracy"].half_width,
                "measured": latency_ratio(trained) / whole,
                "steps": trained.recovered.steps if trained.recovered else 0,
                "seconds": spent[trained.trial].seconds if trained.trial in spent else 0.0,
            }
        )
    total = sum(trained.seconds for trained in spent.values())
    print(f"{name}: {len(spent)} members trained in {total:.0f} s of training and measuring")
    return rows


def count_cpu_time() -> None:
    """Let recovery take this process's CPU time for time, of training, repairing and scoring."""
    clock: Any = SimpleNamespace(perf_counter=time.process_time)
    modules: tuple[Any, ...] = (parefront.search.recovery.pace, parefront.search.recovery.recover)
    for module in modules:
        module.time = clock


def table(rows: list[dict[str, Any]]) -> str:
    """As Markdown."""
    head = "| within, of plain int8's time | measured | untrained, test % | trained, test % | steps | seconds |"
    lines = [
        f"| {row['share']:.2f}x | {row['measured']:.2f}x | {100 * row['untrained']:.2f} | {100 * row['trained']:.2f} "
        f"±{100 * row['half width']:.2f} | {row['steps']} | {row['seconds']:.0f} |"
        for row in rows
    ]
    head += "\n" + "|---" * 6 + "|"
    return "\n".join([head, *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "train"])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--data", default="auto", choices=["auto", "train", "calibration"])
    parser.add_argument("--set", default="{}", help="further keys of the section recover, as JSON")
    parser.add_argument("--cpu", action="store_true", help="minutes of CPU time instead of wall-clock time")
    parser.add_argument("--run", type=Path, default=SEARCHED)
    arguments = parser.parse_args()
    if arguments.what == "search":
        search(arguments.run, arguments.trials)
        return
    if arguments.cpu:
        count_cpu_time()
    for minutes in arguments.minutes:
        settings = {"minutes": minutes, "data": arguments.data, **json.loads(arguments.set)}
        settings |= {"threads": arguments.threads} if arguments.threads else {}
        unit = "cpu" if arguments.cpu else "m"
        name = "-".join(
            [f"{minutes:g}{unit}", arguments.data, *(f"{k}={v}" for k, v in json.loads(arguments.set).items())]
        )
        print(table(train(arguments.run, settings, name)))


if __name__ == "__main__":
    main()
