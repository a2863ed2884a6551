"""Samplers side by side on one task, with plain int8 as the control: the same evaluator, space and number of trials."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from plain_int8 import plain_int8
from shares import shares

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.quality.accuracy import open_session, split_inputs
from parefront.evaluators.quality.scoring.registry import quality_of
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.scores.split import Split
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces.task import Task

REPOSITORY = Path(__file__).resolve().parents[1]
RUNS = REPOSITORY / "runs"
RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Job:
    """What is compared.

    Attributes:
        name: of the results file, and prefix of the runs.
        task: model and data.
        compress: options by compressor.
        trials: evaluations for every sampler.
        images: search images for each candidate.
        samplers, seeds: every pair is a run.
    """

    name: str
    task: Task
    compress: Mapping[str, Mapping[str, Any]]
    trials: int
    images: int | None
    samplers: Sequence[str] = ("auto", "random", "uniform")
    seeds: Sequence[int] = (0,)


def compare(job: Job) -> dict[str, Any]:
    """Run (or go on with) every search of ``job`` and write ``results/NAME.json`` after each."""
    evaluator = TaskEvaluator(job.task, job.compress, DeviceOptions(), images=job.images, on_phase=print)
    results: dict[str, Any] = {"machine": describe(evaluator.clock.first.profile), "trials": job.trials, "runs": []}
    for seed in job.seeds:
        for sampler in job.samplers:
            if sampler == "uniform" and seed != job.seeds[0]:
                continue  # there is no chance in it
            run = one_search(job, evaluator, sampler, seed)
            if "int8" not in results:
                results["int8"] = control(job.task, evaluator, run)
            results["runs"].append(summary(run, sampler, seed))
            save(job.name, results)
    evaluator.close()
    return results


def one_search(job: Job, evaluator: TaskEvaluator, sampler: str, seed: int) -> Run:
    """One run, finished."""
    config = {
        "objectives": ["accuracy", "latency"],
        "compress": {name: dict(options) for name, options in job.compress.items()},
        "search": {"sampler": sampler, "trials": job.trials, "seed": seed},
    }
    run = Run.resume_or_create(f"bench-{job.name}-{sampler}-{seed}", config, RUNS)
    started = time.perf_counter()
    search(run, evaluator)
    print(f"{run.name}: {len(run.trials)} trials, {time.perf_counter() - started:.0f} s in this session", flush=True)
    return run


def control(task: Task, evaluator: TaskEvaluator, run: Run) -> dict[str, Any]:
    """Plain int8 of the same network, timed as every candidate in int8 is, scored on the test split."""
    source = run.path / "artifacts" / "baseline.onnx"
    images, _ = split_inputs(task.calibration, 256)  # type: ignore[arg-type]
    path = plain_int8(source, run.path / "artifacts" / "plain_int8.onnx", images)
    evaluator.baseline(run.path / "artifacts")
    everything = evaluator.space.uniform({"quantize": 8})
    ratio = evaluator.clock.measure_finally(everything, path)["latency_ratio"]
    test = Split.of("test_", task.test, quality_of(task))
    test.score_reference(open_session(source))
    scores = test.score(open_session(path))
    anchor = evaluator.clock.main.anchors.nearest(everything).ratio
    return {
        "ratio": ratio.to_json(), "of_anchor": ratio.value / anchor.value,
        "size_bytes": path.stat().st_size,
        **{name: value.to_json() for name, value in scores.items()},
    }  # fmt: skip


def latency_ratio(candidate: Candidate) -> float:
    """A candidate's latency, as a share of the uncompressed network's."""
    return candidate.metrics["latency_ratio"].value


def int8_anchor(run: Run, final: bool = True) -> float:
    """The ratio to the uncompressed model of what int8 candidates of this run were timed against.

    It wanders with the machine's load, so candidates of different runs are compared by their ratios to it. The front
    goes by the ``final`` reading, the trials by the first.
    """
    known = json.loads((run.path / "artifacts" / "anchors.json").read_text())
    del known["uncompressed_ms"]
    last = [digest for digest in known if digest.startswith("final ") == final][-1]
    return float(known[last]["value"])


def summary(run: Run, sampler: str, seed: int) -> dict[str, Any]:
    """What the tables show of a run."""
    front = run.front
    complete = [r.candidate for r in run.trials if r.candidate is not None]
    return {
        "sampler": sampler,
        "seed": seed,
        "trials": len(run.trials),
        "hypervolume": front.hypervolume(),
        "test_hypervolume": test_hypervolume(front),
        "seconds": run.seconds,
        "int8_anchor": int8_anchor(run),
        "candidates_a_minute": 60 / float(np.median([c.timings["total"] for c in complete])),
        "shares": shares(complete),
        "front": [member(c) for c in front],
    }


def member(candidate: Candidate) -> dict[str, Any]:
    metrics: Mapping[str, Measurement] = candidate.metrics
    return {"trial": candidate.trial, **{name: value.to_json() for name, value in metrics.items()}}


def test_hypervolume(front: Front) -> float:
    """The front's hypervolume with accuracies on the test split, which no search has seen."""

    def moved(candidate: Candidate) -> Candidate:
        metrics = dict(candidate.metrics)
        metrics["accuracy"] = metrics.get("test_accuracy", metrics["accuracy"])
        return replace(candidate, metrics=metrics)

    changes = [c.metrics["test_accuracy"].value - c.metrics["test_accuracy_change"].value for c in front]
    base = replace(
        front.baseline, metrics={**front.baseline.metrics, "accuracy": Measurement.exact(changes[0], "fraction")}
    )
    return Front.of([moved(c) for c in front], front.objectives, base).hypervolume()


def save(name: str, results: Mapping[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1))


def within_loss(results: Mapping[str, Any], sampler: str, loss_points: float) -> dict[str, Any] | None:
    """The fastest member of a sampler's fronts that loses at most ``loss_points`` on the test split.

    ``of_plain`` of it is its time as a share of plain int8's.
    """
    plain = results["int8"]["of_anchor"]
    fitting = [
        {**c, "of_plain": c["latency_ratio"]["value"] / run["int8_anchor"] / plain}
        for run in results["runs"] if run["sampler"] == sampler
        for c in run["front"] if c["test_accuracy_change"]["value"] >= -loss_points / 100 - 1e-9
    ]  # fmt: skip
    return min(fitting, key=lambda c: c["of_plain"], default=None)


def table(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    plain = results["int8"]
    lines = [
        f"{results['machine']}; {results['trials']} evaluations for each sampler, no training.", "",
        f"Plain int8 (`quantize_static`): {plain['test_accuracy']['value']:.2%} at {plain['ratio']['value']:.3f}x, "
        f"{plain['size_bytes'] / 1000:.0f} KB.", "",
        "| sampler | seed | trials | hypervolume | on test | a minute | all but forward passes and timed runs |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [
        f"| {r['sampler']} | {r['seed']} | {r['trials']} | {r['hypervolume']:.4f} | {r['test_hypervolume']:.4f} "
        f"| {r['candidates_a_minute']:.1f} | {r['shares']['everything else']:.0%} |"
        for r in results["runs"]
    ]
    lines += [
        "",
        "| sampler | loss on test at most | test accuracy | change | latency | of plain int8 | bytes |",
        "| --- " * 7 + "|",
    ]
    for sampler in dict.fromkeys(r["sampler"] for r in results["runs"]):
        for loss in (0.5, 1.0, 2.0):
            best = within_loss(results, sampler, loss)
            if best is None:
                lines.append(f"| {sampler} | {loss} pt | – | – | – | – | – |")
                continue
            lines.append(
                f"| {sampler} | {loss} pt | {best['test_accuracy']['value']:.2%} "
                f"| {best['test_accuracy_change']['value'] * 100:+.2f} pt | {best['latency_ratio']['value']:.3f}x "
                f"| {best['of_plain']:.2f}x | {best['size_bytes']['value'] / 1000:.0f} KB |"
            )
    shares_ = results["runs"][0]["shares"]
    parts = ", ".join(f"{k} {v:.0%}" for k, v in shares_.items() if k not in ("everything else", "total seconds"))
    lines += ["", f"A candidate of `{results['runs'][0]['sampler']}` takes {shares_['total seconds']:.1f} s: {parts}."]
    return "\n".join(lines)
