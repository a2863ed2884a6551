"""Controllers side by side: hypervolume against evaluations and against time, on three tasks.

    python benchmarks/controllers.py [--tasks resnet20 …] [--samplers auto random …] [--seeds 0 1 2] [--trials 150]

About three hours on two cores for everything; goes on where it was stopped, and writes what it has after each run to
``results/controllers.json`` and ``pictures/controllers-TASK.png``. With another number of trials it names the runs so.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import numpy as np
from cifar10 import SPACE, task
from compare import RESULTS, Job, control, int8_anchor, one_search, save
from controllers_picture import draw
from example import CONFIG, quickstart
from machine import describe

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.hypervolume import hypervolume
from parefront.evaluators.results.metric import TEN_POINTS
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.search.runs.run import Run

NAME = "controllers"
TRIALS = 150
LADDER = (0.4, 0.3, 0.2)
VOLUMES = ("hypervolume", "hypervolume_any")
SAMPLERS = ("auto", "random", "nsga2", "tpe", "amc", "bisect", "cmaes")
TASKS = {"resnet20": (0, 1, 2), "fashion_mnist": (0, 1, 2), "resnet56": (0,)}
"""With the seeds of each."""
RANKS: dict[str, dict[str, Any]] = {"low_rank": {"schemes": ["svd"], "ranks": [0.5, 0.25]}}


def job_of(name: str, trials: int) -> Job:
    """The task with pruning, depth, rank and bits in its space."""
    job = f"{NAME}-{name}" if trials == TRIALS else f"{NAME}-{trials}-{name}"
    if name == "fashion_mnist":
        images = CONFIG["search"].get("images")
        return Job(job, quickstart(), {**CONFIG["compress"], **RANKS}, trials, images)
    return Job(job, task(int(name.removeprefix("resnet"))), {**SPACE, **RANKS}, trials, None)


def trace_of(run: Run, evaluator: TaskEvaluator, anchor: float) -> dict[str, Any]:
    """What a run had after each evaluation, with the seconds it had taken by then, probes included.

    ``hypervolume`` counts what loses less than ten points, ``hypervolume_any`` any accuracy, each as a share of the
    most there could be; ``accuracy`` is the best on the search split within each share of the latency.

    Latency ratios of int8 candidates are put on one scale for all runs: as if the whole net in int8, which they are
    timed against, had run at ``anchor`` in each.
    """
    probes = run.path / "probes.json"
    spent = json.loads(probes.read_text())["seconds"] if probes.is_file() else 0.0
    own, base = int8_anchor(run, final=False), run.search_baseline.metrics["accuracy"].value
    corners = {"hypervolume": TEN_POINTS, "hypervolume_any": base}
    seconds, asked, points = [], [], np.zeros((0, 2))
    traces: dict[str, list[float]] = {name: [] for name in corners}
    best: dict[str, list[float]] = {f"{share}x": [] for share in LADDER}
    for record in run.trials:
        spent += record.seconds
        if record.candidate is not None:
            metrics = record.candidate.metrics
            ratio = rebased(record.candidate, evaluator, anchor / own)
            points = np.vstack([points, [base - metrics["accuracy"].value, ratio]])
            asked.append(record.candidate.timings.get("ask", 0.0))
        seconds.append(spent)
        for name, loss in corners.items():
            traces[name].append(hypervolume(points, [loss, 1.0]) / loss)
        for share in LADDER:
            losses = points[points[:, 1] <= share, 0]
            best[f"{share}x"].append(base - float(losses.min()) if losses.size else 0.0)
    return {
        "probe_seconds": seconds[0] - run.trials[0].seconds,
        "seconds": seconds,
        **traces,
        "accuracy": best,
        "overhead_ms": 1000 * float(np.median(asked)),
        "at": {f"{share}x": best_at(run, evaluator, anchor / int8_anchor(run), share) for share in LADDER},
    }


def rebased(candidate: Candidate, evaluator: TaskEvaluator, scale: float) -> float:
    nearest = evaluator.clock.main.anchors.nearest(candidate.policy)
    return candidate.metrics["latency_ratio"].value * (scale if nearest.policy else 1.0)


def best_at(run: Run, evaluator: TaskEvaluator, scale: float, share: float) -> float | None:
    """Test accuracy of the front's most accurate member (by the search split) within a share of the latency."""
    within = [c for c in run.front if rebased(c, evaluator, scale) <= share]
    best = max(within, key=lambda c: c.metrics["accuracy"].value, default=None)
    return best.metrics["test_accuracy"].value if best is not None else None


def reaches(trace: dict[str, Any], name: str, volume: float) -> tuple[float, float]:
    """After how many evaluations and seconds a run has a hypervolume; infinite where it never has."""
    for count, (reached, seconds) in enumerate(zip(trace[name], trace["seconds"], strict=True), start=1):
        if reached >= volume:
            return count, seconds
    return math.inf, math.inf


def by_then(trace: dict[str, Any], share: str, seconds: float) -> float:
    """The best accuracy within a share of the latency that a run had after so many seconds."""
    done = int(np.searchsorted(trace["seconds"], seconds, side="right"))
    return trace["accuracy"][share][done - 1] if done else 0.0


def table(of_task: dict[str, Any]) -> str:
    """Medians over seeds, as Markdown: what each sampler found, and when ``auto`` had as much."""
    by_sampler: dict[str, dict[str, Any]] = {}
    for key, trace in of_task.items():
        sampler, seed = key.rsplit("-", 1)
        by_sampler.setdefault(sampler, {})[seed] = trace
    found = [
        "| sampler | seeds | hypervolume (range) | any loss (range) | seconds | of these probes | at 0.4x | at 0.3x "
        "| at 0.2x | overhead |",
        "| --- " * 10 + "|",
    ]
    against = [
        "| sampler | `auto` has its hypervolume after | in time | any loss: after | in time | at 0.4x, `auto` by then "
        "| at 0.3x, `auto` by then |",
        "| --- " * 7 + "|",
    ]
    for sampler, traces in by_sampler.items():
        runs = list(traces.values())
        at = [[t["at"][f"{share}x"] for t in runs if t["at"][f"{share}x"]] for share in LADDER]
        cells = [
            *(spread([t[name][-1] for t in runs]) for name in VOLUMES),
            f"{np.median([t['seconds'][-1] for t in runs]):.0f}",
            f"{np.median([t['probe_seconds'] for t in runs]):.0f}",
            *(f"{np.median(a):.2%}" if a else "–" for a in at),
            f"{np.median([t['overhead_ms'] for t in runs]):.0f} ms",
        ]
        found.append(f"| `{sampler}` | {len(runs)} | {' | '.join(cells)} |")
        pairs = [(trace, by_sampler["auto"][s]) for s, trace in traces.items() if s in by_sampler.get("auto", {})]
        if sampler != "auto" and pairs:
            against.append(f"| `{sampler}` | {' | '.join(against_auto(pairs))} |")
    return "\n".join([*found, "", *against])


def against_auto(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    """Cells of the second table: runs of a sampler, each with that of ``auto`` by the same seed."""
    cells = []
    for name in VOLUMES:
        when = [(*reaches(auto, name, trace[name][-1]), trace["seconds"][-1]) for trace, auto in pairs]
        count, share = np.median([(count, seconds / total) for count, seconds, total in when], axis=0)
        cells += [f"{count:.0f} evaluations", f"{share:.2f}x"] if np.isfinite(share) else ["never", "–"]
    for within in (f"{share}x" for share in LADDER[:2]):
        ends = [[by_then(run, within, trace["seconds"][-1]) for run in (trace, auto)] for trace, auto in pairs]
        theirs, ours = np.median(ends, axis=0)
        cells.append(f"{theirs:.2%}, {ours:.2%}")
    return cells


def spread(values: list[float]) -> str:
    return f"{np.median(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--trials", type=int, default=TRIALS)
    arguments = parser.parse_args()
    as_many = "" if arguments.trials == TRIALS else f" ({arguments.trials})"
    path = RESULTS / f"{NAME}.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"tasks": {}}
    for name in arguments.tasks:
        job = job_of(name, arguments.trials)
        evaluator = TaskEvaluator(job.task, job.compress, DeviceOptions(), images=job.images, on_phase=print)
        results |= {"machine": describe(evaluator.clock.first.profile), "trials": TRIALS}
        of_task = results["tasks"].setdefault(name, {"runs": {}})
        for seed in [seed for seed in TASKS[name] if seed in arguments.seeds]:
            for sampler in arguments.samplers:
                run = one_search(job, evaluator, sampler, seed)
                if "int8" not in of_task:
                    of_task["int8"] = control(job.task, evaluator, run)
                    of_task["anchor"] = int8_anchor(run)
                evaluator.baseline(run.path / "artifacts")
                of_task["runs"][f"{sampler}{as_many}-{seed}"] = trace_of(run, evaluator, of_task["anchor"])
                save(NAME, results)
                draw(name, of_task["runs"])
        evaluator.close()
        print(f"\n### {name}\n\n{table(of_task['runs'])}", flush=True)


if __name__ == "__main__":
    main()
