"""Where a candidate's CPU time goes, step by step, and the digests of its files: the same command before and after.

    OMP_NUM_THREADS=1 python benchmarks/hot_path.py [quickstart] [mobilenet_v2] [--policies 20] [--label NAME]
                                              [--build] [--run runs/NAME]

``quickstart`` is the example with its own space and 2,000 search images; ``mobilenet_v2`` is torchvision's with random
weights at 224 px, pruned, without blocks and in int8, scored on 64 random images. Every second policy is drawn evenly
from the space; in the others all layers have 8 bits and three of four further knobs are left alone, as on a front.
Nothing is stopped early. CPU time is that of this process; of ``latency``, that of the device's worker, too. With
``--build`` candidates are only built, and neither scored nor timed; with ``--run`` the policies are those of a run's
trials, in their order, as far as they are of the same space. ``--table`` prints what is known.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from example import CONFIG, quickstart
from torch.utils.data import TensorDataset
from zoo import network

from parefront.compressors.statistics import calibration
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.trial import stopwatch
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace
from parefront.spaces.task import Task

RESULTS = Path(__file__).with_name("results") / "hot_path.json"
LARGE: dict[str, dict[str, Any]] = {
    "prune_channels": {"ratios": [0, 0.25, 0.5], "round_to": 16, "compensate": "least_squares"},
    "drop_blocks": {},
    "quantize": {"bits": [32, 8]},
}
MEASURED = ("accuracy", "latency")
LEFT_ALONE = 0.75
"""Of the knobs besides bits, on a policy as those of a front are."""


def large() -> Task:
    """A depthwise network at 224 px on random images."""
    generator = torch.Generator().manual_seed(1)
    model = network("mobilenet_v2")
    images = torch.randn(128, 3, 224, 224, generator=generator)
    with torch.no_grad():
        labels = model(images).argmax(1)
    data = TensorDataset(images, labels)
    return Task(model=model, calibration=data, search=TensorDataset(images[64:], labels[64:]), test=data,
                train=None, metric="accuracy")  # fmt: skip


TASKS: dict[str, tuple[Any, dict[str, dict[str, Any]], int | None]] = {
    "quickstart": (quickstart, CONFIG["compress"], CONFIG["search"].get("images")),
    "mobilenet_v2": (large, LARGE, None),
}


def policies(space: SearchSpace, count: int) -> list[Policy]:
    """As many different policies, always the same of one space."""
    generator, found = np.random.default_rng(0), dict[str, Policy]()
    while len(found) < count:
        choices = dict(space.sample(generator))
        if len(found) % 2:
            for knob in space:
                if knob.compressor == "quantize":
                    choices[knob.name] = 8
                elif generator.random() < LEFT_ALONE:
                    choices[knob.name] = knob.neutral
        policy = space.decode(choices)
        found.setdefault(policy.digest, policy)
    return list(found.values())


def tried(run: Path, count: int) -> list[Policy]:
    """The policies of a run's first trials."""
    found: dict[str, Policy] = {}
    for path in sorted((run / "trials").glob("*.json")):
        policy = Policy.from_dict(json.loads(path.read_text())["policy"])
        found.setdefault(policy.digest, policy)
    return list(found.values())[:count]


def count_cpu() -> None:
    """Have the steps of a candidate counted in CPU time of this process."""
    clock: Any = SimpleNamespace(perf_counter=time.process_time, time=time.time)
    stopwatch.time = clock  # type: ignore[attr-defined]
    calibration.time = clock  # type: ignore[attr-defined]


def workers_cpu() -> float:
    """CPU seconds of this process's children so far."""
    ticks = 0
    for thread in Path("/proc/self/task").iterdir():
        for child in (thread / "children").read_text().split():
            with suppress(OSError):
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(evaluator: TaskEvaluator, policy: Policy, path: Path, build_only: bool) -> Candidate:
    if build_only:
        return evaluator.builder.build(policy, path).candidate
    return evaluator.evaluate(policy, path)


def run(name: str, count: int, build_only: bool, of: Path | None) -> dict[str, Any]:
    """Seconds of each step and the digest of the file, by policy."""
    make, compress, images = TASKS[name]
    latency = LatencyProtocol()
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        evaluator = TaskEvaluator(make(), compress, DeviceOptions(), images, latency=latency, racing=False)
        if not build_only:
            evaluator.baseline(Path(folder))
        chosen = tried(of, count + 1) if of else policies(evaluator.space, count + 1)
        for policy in chosen:  # the first pays for what is kept for the run
            path = Path(folder) / "candidate.onnx"
            before = workers_cpu()
            try:
                made = measured(evaluator, policy, path, build_only)
            except Infeasible as reason:
                rows[policy.digest] = {"infeasible": str(reason)}
                continue
            timings = {**made.timings, "latency": made.timings.get("latency", 0.0) + workers_cpu() - before}
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            rows[policy.digest] = {"sha256": digest, "accuracy": _accuracy(made), "timings": timings}
            print(name, policy.digest[:8], digest[:12], {k: round(v, 3) for k, v in timings.items()}, flush=True)
        evaluator.close()
    first = next(iter(rows))
    return {"first": {first: rows.pop(first)}, "candidates": rows}


def _accuracy(made: Candidate) -> float | None:
    found = made.metrics.get("accuracy")
    return None if found is None else found.value


def table(results: dict[str, Any]) -> str:
    """Mean CPU seconds and shares of a candidate, one column a label."""
    lines = []
    for name in TASKS:
        labels = [label for label, held in results.items() if name in held]
        if not labels:
            continue
        means = {label: _means(results[label][name]["candidates"]) for label in labels}
        steps = list(dict.fromkeys(step for held in means.values() for step in held))
        lines += [f"| {name} | " + " | ".join(labels) + " |", "| --- " * (len(labels) + 1) + "|"]
        for step in steps:
            cells = [f"{m.get(step, 0):.3f} s ({m.get(step, 0) / m['all']:.1%})" for m in means.values()]
            lines.append(f"| {step} | " + " | ".join(cells) + " |")
        lines += [f"| files as with {labels[0]} | " + " | ".join(_equal(results, labels[0], label, name)
                                                               for label in labels) + " |", ""]  # fmt: skip
    return "\n".join(lines)


def _means(rows: dict[str, Any]) -> dict[str, float]:
    held = [row["timings"] for row in rows.values() if "timings" in row]
    steps = sorted({step for row in held for step in row} - {"total", "wait"})
    means = {step: float(np.mean([row.get(step, 0.0) for row in held])) for step in steps}
    everything = sum(means.values())
    rest = everything - sum(means.get(step, 0.0) for step in MEASURED)
    return {**means, "all but accuracy and latency": rest, "all": everything}


def _equal(results: dict[str, Any], one: str, other: str, name: str) -> str:
    held, given = (results[label][name]["candidates"] for label in (one, other))
    both = [key for key in held if "sha256" in held[key] and "sha256" in given.get(key, {})]
    return f"{sum(held[key]['sha256'] == given[key]['sha256'] for key in both)} of {len(both)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--policies", type=int, default=20)
    parser.add_argument("--label", default="now")
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    if not given.table:
        count_cpu()
        torch.set_num_threads(1)
        for name in given.tasks:
            results.setdefault(given.label, {})[name] = run(name, given.policies, given.build, given.run)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
