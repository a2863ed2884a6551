"""The default sampler: what it spends its trials on."""

from __future__ import annotations

from pathlib import Path

from parefront.evaluators.results.metric import TEN_POINTS
from parefront.search.controller import search
from parefront.search.runs.run import Run

from ..synthetic import ACCURACY, SyntheticEvaluator


def test_few_trials_go_to_what_is_expected_to_be_of_no_use(tmp_path: Path) -> None:
    settings = {"sampler": "auto", "trials": 40, "seed": 3}
    run = Run.create("run", {"objectives": ["accuracy", "latency"], "search": settings}, root=tmp_path)
    search(run, SyntheticEvaluator(blocks=10, noise=0.005, seed=3), raise_errors=True)
    measured = [record.candidate.accuracy for record in run.trials if record.candidate is not None]
    assert sum(accuracy > ACCURACY - TEN_POINTS for accuracy in measured) >= 30
