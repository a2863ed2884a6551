"""The local executor: done when it returns; errors are the future's, and what ends the process is not held back."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.search.executors.local import LocalExecutor
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy

from ..synthetic import SyntheticEvaluator


class Raising(SyntheticEvaluator):
    error: BaseException = Infeasible("too narrow")

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        raise self.error


def front_of(evaluator: SyntheticEvaluator, folder: Path) -> Front:
    return Front.of([], ["accuracy", "latency"], evaluator.baseline(folder))


def test_what_is_submitted_is_done_when_it_returns(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=2)
    policy = Policy({"drop_blocks/block0": True})
    future = LocalExecutor(evaluator).submit(policy, tmp_path / "model.onnx", front_of(evaluator, tmp_path))

    assert future.done()
    assert future.result().policy == policy
    assert evaluator.evaluated == [policy]


def test_an_error_of_the_evaluator_is_the_futures(tmp_path: Path) -> None:
    evaluator = Raising(blocks=2)
    future = LocalExecutor(evaluator).submit(Policy(), tmp_path / "model.onnx", front_of(evaluator, tmp_path))

    with pytest.raises(Infeasible, match="too narrow"):
        future.result()


def test_an_interruption_is_raised_at_once(tmp_path: Path) -> None:
    evaluator = Raising(blocks=2)
    evaluator.error = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        LocalExecutor(evaluator).submit(Policy(), tmp_path / "model.onnx", front_of(evaluator, tmp_path))
