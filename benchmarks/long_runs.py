"""What the loop itself takes of a trial (ask, tell, front) in a run with thousands of trials on record.

python benchmarks/long_runs.py [--recorded 10000] [--samplers random auto] [--objectives accuracy latency]

The network is a formula (:mod:`parefront.testing.formula`), so that evaluating costs next to nothing. The run is
written as a search would have left it, records and study, with policies drawn at random; then the search goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.samplers import RandomSampler

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.front import Front
from parefront.search.controller import search
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.studies.study import RunStudy
from parefront.spaces.network.graph import Layer
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace
from parefront.testing.formula import BLOCKS, formula_layers, formula_space, measured, probed


class Formula:
    """An evaluator whose numbers are a formula."""

    environment: Mapping[str, Any] = {"device": "formula"}
    bases: Sequence[Policy] = ()

    def __init__(self, blocks: int = BLOCKS) -> None:
        self.space: SearchSpace = formula_space(blocks)
        self.layers: Mapping[str, Layer] = formula_layers(blocks)
        self._blocks, self._told = blocks, probed(["latency", "size", "macs"], blocks)

    def baseline(self, artifacts: Path) -> Candidate:
        return self.evaluate(Policy(), artifacts / "baseline.onnx")

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        content = policy.digest.encode()
        artifact.write_bytes(content)
        return replace(
            measured(policy, blocks=self._blocks), artifact=artifact, sha256=hashlib.sha256(content).hexdigest()
        )

    def probe_divergence(self, policy: Policy) -> float:
        row = self._told.indices([self.space.encode(policy)])
        return float(self._told.expected_divergence(row)[0])

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
        row = self._told.indices([self.space.encode(policy)])
        return {key: float(self._told.expected_cost(key, row)[0]) for key in keys}

    def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
        return {}

    def finalise(self, candidate: Candidate) -> Candidate:
        return candidate

    def close(self) -> None:
        pass


class Stop(Exception):
    """Enough trials were timed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", type=int, default=10_000)
    parser.add_argument("--timed", type=int, default=30)
    parser.add_argument("--samplers", nargs="+", default=["random", "auto"])
    parser.add_argument("--objectives", nargs="+", default=["accuracy", "latency"])
    arguments = parser.parse_args()
    for sampler in arguments.samplers:
        with tempfile.TemporaryDirectory() as folder:
            config = {
                "objectives": arguments.objectives,
                "budget": ["latency <= 0.7x"],
                "search": {"sampler": sampler, "trials": arguments.recorded + arguments.timed},
            }
            run, evaluator = Run.create("long", config, root=folder), Formula()
            record(run, evaluator, arguments.recorded)
            opened, trials = go_on(run, evaluator)
            print(
                f"{sampler}, {arguments.recorded} recorded: {1000 * float(np.median(trials)):.1f} CPU ms a trial "
                f"(longest {1000 * max(trials):.1f} ms); {opened:.1f} s until the first was done"
            )


def record(run: Run, evaluator: Formula, count: int) -> None:
    """Write what a search at random would have left after ``count`` different policies."""
    run.write_environment(evaluator.environment)
    run.write_baseline(evaluator.baseline(run.path / "artifacts"), 0.0)
    settings, baseline = run.settings, run.search_baseline
    records: dict[str, TrialRecord] = {}
    with closing(RunStudy(settings.objectives, settings.budgets, baseline, RandomSampler(seed=0))) as study:
        study.keep_in(run.path, None)
        while len(records) < count:
            trial = study.ask()
            policy = evaluator.space.suggest(trial)
            if policy.digest not in records:
                candidate = replace(evaluator.evaluate(policy, run.artifact(policy.digest)), trial=trial.number)
                records[policy.digest] = TrialRecord(trial.number, policy, Outcome.COMPLETE, candidate)
                run.write_record(records[policy.digest])
            study.tell(trial, policy, records[policy.digest])


def go_on(run: Run, evaluator: Formula) -> tuple[float, list[float]]:
    """CPU seconds until this session's first trial is done (all that is recorded was read by then); of the others."""
    moments = [time.process_time()]

    def watch(event: Event) -> None:
        if isinstance(event, Finished):
            moments.append(time.process_time())
        if isinstance(event, Finished) and event.done == event.total:
            raise Stop

    with suppress(Stop):
        search(run, evaluator, watch, raise_errors=True)
    steps = np.diff(moments)
    return float(steps[0]), [float(step) for step in steps[1:]]


if __name__ == "__main__":
    main()
