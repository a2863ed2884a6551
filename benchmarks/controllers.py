"""Controllers side by side: hypervolume against evaluations and against time, on three tasks.

    python benchmarks/controllers.py [--tasks resnet20 …] [--samplers auto random …] [--seeds 0 1 2]

About three hours on two cores for everything; goes on where it was stopped, and writes what it has after each run to
``results/controllers.json`` and ``pictures/controllers-TASK.png``.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from cifar10 import SPACE, task
from compare import RESULTS, Job, control, int8_anchor, one_search, save
from controllers_picture import draw
from example import CONFIG, quickstart
from machine import describe

from parefront.evaluators import DeviceOptions
from parefront.search import Candidate, Run, hypervolume
from parefront.search.evaluate import TaskEvaluator
from parefront.search.front import ACCURACY_FLOOR

NAME = "controllers"
TRIALS = 150
LADDER = (0.4, 0.3, 0.2)
SAMPLERS = ("auto", "random", "nsga2", "tpe", "amc", "bisect", "cmaes")
TASKS = {"resnet20": (0, 1, 2), "fashion_mnist": (0, 1, 2), "resnet56": (0,)}
"""With the seeds of each."""
RANKS = {"low_rank": {"schemes": ["svd"], "ranks": [0.5, 0.25]}}


def job_of(name: str) -> Job:
    """The task with pruning, depth, rank and bits in its space."""
    if name == "fashion_mnist":
        images = CONFIG["search"].get("images")
        return Job(f"{NAME}-{name}", quickstart(), {**CONFIG["compress"], **RANKS}, TRIALS, images)
    return Job(f"{NAME}-{name}", task(int(name.removeprefix("resnet"))), {**SPACE, **RANKS}, TRIALS, None)


def trace_of(run: Run, evaluator: TaskEvaluator, anchor: float) -> dict[str, Any]:
    """A run's hypervolume after each evaluation, with the seconds it had taken by then, probes included.

    Latency ratios of int8 candidates are put on one scale for all runs: as if the whole net in int8, which they are
    timed against, had run at ``anchor`` in each.
    """
    probes = run.path / "probes.json"
    spent = json.loads(probes.read_text())["seconds"] if probes.is_file() else 0.0
    own, base = int8_anchor(run), run.search_baseline.metrics["accuracy"].value
    seconds, volumes, asked, points = [], [], [], np.zeros((0, 2))
    for record in run.trials:
        spent += record.seconds
        if record.candidate is not None:
            metrics = record.candidate.metrics
            ratio = rebased(record.candidate, evaluator, anchor / own)
            points = np.vstack([points, [base - metrics["accuracy"].value, ratio]])
            asked.append(record.candidate.timings.get("ask", 0.0))
        seconds.append(spent)
        volumes.append(hypervolume(points, [ACCURACY_FLOOR, 1.0]) / ACCURACY_FLOOR)
    return {
        "probe_seconds": seconds[0] - run.trials[0].seconds,
        "seconds": seconds,
        "hypervolume": volumes,
        "overhead_ms": 1000 * float(np.median(asked)),
        "at": {f"{share}x": best_at(run, evaluator, anchor / own, share) for share in LADDER},
    }


def rebased(candidate: Candidate, evaluator: TaskEvaluator, scale: float) -> float:
    nearest = evaluator.timers.main.anchors.nearest(candidate.policy)
    return candidate.metrics["latency_ratio"].value * (scale if nearest.policy else 1.0)


def best_at(run: Run, evaluator: TaskEvaluator, scale: float, share: float) -> float | None:
    """Test accuracy of the front's most accurate member (by the search split) within a share of the latency."""
    within = [c for c in run.front if rebased(c, evaluator, scale) <= share]
    best = max(within, key=lambda c: c.metrics["accuracy"].value, default=None)
    return best.metrics["test_accuracy"].value if best is not None else None


def reaches(trace: dict[str, Any], volume: float) -> tuple[int, float] | None:
    """After how many evaluations and seconds a run has a hypervolume."""
    for count, (reached, seconds) in enumerate(zip(trace["hypervolume"], trace["seconds"], strict=True), start=1):
        if reached >= volume:
            return count, seconds
    return None


def table(of_task: dict[str, Any]) -> str:
    """Medians over seeds, as Markdown; the last columns say when ``auto`` had what the sampler ended with."""
    lines = [
        "| sampler | seeds | final hypervolume (range) | seconds | of these probes | at 0.4x | at 0.3x | at 0.2x "
        "| overhead | `auto` reaches it after | in time |",
        "| --- " * 11 + "|",
    ]
    autos = {
        seed: trace for key, trace in of_task.items() for sampler, seed in [key.rsplit("-", 1)] if sampler == "auto"
    }
    for sampler in dict.fromkeys(key.rsplit("-", 1)[0] for key in of_task):
        traces = {key.rsplit("-", 1)[1]: of_task[key] for key in of_task if key.rsplit("-", 1)[0] == sampler}
        final = [t["hypervolume"][-1] for t in traces.values()]
        when = [reaches(autos[s], t["hypervolume"][-1]) for s, t in traces.items() if s in autos]
        shares = [w[1] / traces[s]["seconds"][-1] for s, w in zip(traces, when, strict=False) if w is not None]
        counts = [w[0] for w in when if w is not None]
        at = [[t["at"][f"{share}x"] for t in traces.values() if t["at"][f"{share}x"]] for share in LADDER]
        cells = [f"{np.median(a):.2%}" if a else "–" for a in at]
        median = {k: float(np.median([t[k] for t in traces.values()])) for k in ("probe_seconds", "overhead_ms")}
        lines.append(
            f"| `{sampler}` | {len(final)} | {np.median(final):.4f} ({min(final):.4f}–{max(final):.4f}) "
            f"| {np.median([t['seconds'][-1] for t in traces.values()]):.0f} | {median['probe_seconds']:.0f} "
            f"| {' | '.join(cells)} | {median['overhead_ms']:.0f} ms "
            f"| {f'{np.median(counts):.0f} evaluations' if counts else '–'} "
            f"| {f'{np.median(shares):.2f}x' if shares else '–'} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"tasks": {}}
    for name in arguments.tasks:
        job = job_of(name)
        evaluator = TaskEvaluator(job.task, job.compress, DeviceOptions(), images=job.images, on_phase=print)
        results |= {"machine": describe(evaluator.timers.first.profile), "trials": TRIALS}
        of_task = results["tasks"].setdefault(name, {"runs": {}})
        for seed in [seed for seed in TASKS[name] if seed in arguments.seeds]:
            for sampler in arguments.samplers:
                run = one_search(job, evaluator, sampler, seed)
                if "int8" not in of_task:
                    of_task["int8"] = control(job.task, evaluator, run)
                    of_task["anchor"] = int8_anchor(run)
                evaluator.baseline(run.path / "artifacts")
                of_task["runs"][f"{sampler}-{seed}"] = trace_of(run, evaluator, of_task["anchor"])
                save(NAME, results)
                draw(name, of_task["runs"])
        evaluator.close()
        print(f"\n### {name}\n\n{table(of_task['runs'])}", flush=True)


if __name__ == "__main__":
    main()
