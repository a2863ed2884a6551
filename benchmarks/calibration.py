"""Whether the latency model knows how much it does not know: its 90 % intervals against later measurements.

    python benchmarks/calibration.py

For runs of ``auto`` that ``controllers.py`` has left behind: the model is fitted to the first k trials, as the sampler
fits it, and asked for the latency of the trials behind; what is counted is how many of those lie within. Beside it the
same with the additive model, which knows nothing of layers.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from compare import RUNS
from controllers import NAME, TASKS, TRIALS, job_of

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.results.metric import Metric
from parefront.evaluators.results.metrics import costs_of, quality_of
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.search.probes.probing import Prober
from parefront.search.runs.run import Run
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.search.runs.studies.history import Tried
from parefront.search.surrogate.sensitivity import Sensitivity
from parefront.search.surrogate.surrogate_prediction import Outlook
from parefront.spaces.policy import Policy

Z_90 = 1.645
FITTED = (10, 20, 30, 40, 60, 80, 100, 120, 140)
AHEAD = 20
"""Trials behind those it was fitted to that it is asked for."""


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for name in TASKS:
        runs = sorted(RUNS.glob(f"bench-{NAME}-{name}-auto-[0-9]"))
        if runs:
            job = job_of(name, TRIALS)
            evaluator = TaskEvaluator(job.task, job.compress, DeviceOptions(), images=16)
            for path in runs:
                report(Run.open(path), evaluator)
            evaluator.close()


def report(run: Run, evaluator: TaskEvaluator) -> None:
    names = run.settings.objectives
    with tempfile.TemporaryDirectory() as folder:  # the run's own anchors, found by what it has kept of them
        shutil.copy(run.path / "artifacts" / "anchors.json", folder)
        evaluator.baseline(Path(folder))
    uncompressed = run.search_baseline
    prober = Prober(evaluator, ProbeStore(run.path), run.path / "artifacts", ["latency"], run.settings.trials)
    baseline = Tried(evaluator.space.encode(Policy()), Policy().digest, costs_of(uncompressed, names), 0.0, 0.0)
    candidates = [record.candidate for record in run.trials if record.candidate is not None]
    tried = [
        Tried(
            evaluator.space.encode(candidate.policy), candidate.policy.digest, costs_of(candidate, names), 0.0,
            candidate.metrics["divergence"].value if "divergence" in candidate.metrics else None,
        )
        for candidate in candidates
    ]  # fmt: skip
    layered = prober.measure()
    for model, sensitivity in {"by layers": layered, "additive": replace(layered, work={})}.items():
        errors, deviations = predicted(sensitivity, baseline, tried, names).T
        within = np.abs(errors) <= Z_90 * deviations
        print(
            f"{run.name}, {model}: {within.mean():.0%} of {len(errors)} later measurements within the 90 % intervals; "
            f"off by {np.median(np.abs(errors)):.2%} in the median"
        )


def predicted(sensitivity: Sensitivity, baseline: Tried, tried: Sequence[Tried], names: Sequence[Metric]) -> np.ndarray:
    """Errors of the logarithm of the latency, and the standard deviations that were predicted, ``(predictions, 2)``."""
    latency, loss = [metric.key for metric in names].index("latency_ratio"), quality_of(names)
    found = []
    for count in FITTED:
        later = tried[count : count + AHEAD]
        if not later:
            break
        outlook = Outlook(sensitivity, baseline, tried[:count], loss, [metric.key for metric in names])
        means, deviations = outlook.predict(sensitivity.indices([t.params for t in later]))
        measured = np.array([t.costs[latency] for t in later])
        off = np.log(measured / means[:, latency])
        found += list(zip(off, deviations[:, latency] / means[:, latency], strict=True))
    return np.array(found)


if __name__ == "__main__":
    main()
