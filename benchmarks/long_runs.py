"""What the loop itself takes of a trial (ask, tell, front) in a run with thousands of trials on record.

python benchmarks/long_runs.py [--recorded 10000] [--blocks 4] [--samplers random auto] [--objectives accuracy latency]

The network is a formula (:mod:`parefront.testing.formula`), so that evaluating costs next to nothing. The run is
written as a search would have left it, records and study, with policies drawn at random; then the search goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import create_trial

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.studies.study_file import StudyFile
from parefront.search.runs.studies.told import Told, directions_of
from parefront.spaces.files import write_json
from parefront.spaces.network.graph import Layer
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace
from parefront.testing.formula import BLOCKS, formula_layers, formula_space, measured, probed

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.untrained import Untrained


class Formula(Untrained):
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
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="of the network, four knobs each")
    parser.add_argument("--objectives", nargs="+", default=["accuracy", "latency"])
    arguments = parser.parse_args()
    for sampler in arguments.samplers:
        with tempfile.TemporaryDirectory() as folder:
            config = {
                "objectives": arguments.objectives,
                "budget": ["latency <= 0.7x"],
                "search": {"sampler": sampler, "trials": arguments.recorded + arguments.timed},
            }
            run, evaluator = Run.create("long", config, root=folder), Formula(arguments.blocks)
            record(run, evaluator, arguments.recorded)
            before = resident_mb()
            opened, trials = go_on(run, evaluator)
            print(
                f"{sampler}, {arguments.recorded} recorded: {1000 * float(np.median(trials)):.1f} CPU ms a trial "
                f"(longest {1000 * max(trials):.1f} ms); {opened:.1f} s until the first was done; "
                f"{resident_mb() - before:.0f} MB, {before:.0f} MB before"
            )


def record(run: Run, evaluator: Formula, count: int) -> None:
    """Write what a search at random would have left after ``count`` different policies."""
    run.write_environment(evaluator.environment)
    run.write_baseline(evaluator.baseline(run.path / "artifacts"), 0.0)
    settings, baseline, space = run.settings, run.search_baseline, evaluator.space
    metrics, floor = settings.objectives, run.front_of([], baseline).floor
    distributions = dict[str, BaseDistribution](space.distributions)
    generator, known = np.random.default_rng(0), set[str]()
    names = [metric.name for metric in metrics]
    with closing(StudyFile(run.path / "study.db", run.name, directions_of(metrics), names)) as study:
        while len(known) < count:
            policy, number = space.sample(generator), len(known)
            if policy.digest in known:
                continue
            known.add(policy.digest)
            candidate = replace(evaluator.evaluate(policy, run.artifact(policy.digest)), trial=number)
            done = TrialRecord(number, policy, Outcome.COMPLETE, candidate)
            write_json(run.path / "trials" / f"{number:06d}.json", done.to_json(run.path))
            told = Told.of(done, metrics, settings.budgets, baseline, floor)
            trial = create_trial(
                values=told.values,
                params=space.encode(policy),
                distributions=distributions,
                user_attrs=told.attributes,
                constraints=told.constraints,
            )
            trial.number = number
            study.append(trial, {})


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


def resident_mb() -> float:
    """Memory of this process at the moment, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
