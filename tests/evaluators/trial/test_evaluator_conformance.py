"""Every evaluator keeps the contract: the real one, the one that retargets, and those that are formulas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.metric import ACCURACY
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.evaluator import Evaluator
from parefront.evaluators.trial.retargeted import RetargetedEvaluator
from parefront.evaluators.trial.scores.reused_scores import ReusedScores
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing import EvaluatorConformance, plain

from ...parefront.conftest import FormulaEvaluator
from ...search.synthetic import SyntheticEvaluator

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
METHODS: dict[str, dict[str, Any]] = {"quantize": {}, "prune_channels": {"round_to": 8}}


def split(count: int, seed: int) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, 16, 16, generator=generator)
    with torch.no_grad():
        return TensorDataset(images, plain()[0](images).argmax(1))


def task_evaluator(**options: Any) -> TaskEvaluator:
    task = Task(plain()[0], split(32, 1), split(64, 2), split(64, 3))
    return TaskEvaluator(task, METHODS, DeviceOptions(), latency=QUICK, **options)


class TestTaskEvaluator(EvaluatorConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def evaluator(cls) -> Iterator[Evaluator]:
        with closing(task_evaluator()) as made:
            yield made


class TestRetargetedEvaluator(EvaluatorConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def evaluator(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
        folder = tmp_path_factory.mktemp("source")
        with closing(task_evaluator()) as there:
            known = [there.finalise(there.baseline(folder))]
            for knob in list(there.space)[:2]:
                policy = there.space.decode({knob.name: knob.choices[-1]})
                known.append(there.finalise(there.evaluate(policy, folder / f"{policy.digest}.onnx")))
            by_digest = {candidate.policy.digest: candidate for candidate in known}
            scores = ReusedScores("source", there.clock.first.profile, by_digest, ACCURACY)
        with closing(RetargetedEvaluator(lambda target: task_evaluator(built_for=target), scores)) as made:
            yield made


class TestFormulaOfACommandLine(EvaluatorConformance):
    @pytest.fixture
    def evaluator(self) -> Evaluator:
        return FormulaEvaluator()


class TestFormulaOfResidualBlocks(EvaluatorConformance):
    @pytest.fixture(params=[0.0, 0.002], ids=["exact", "noisy"])
    def evaluator(self, request: pytest.FixtureRequest) -> Evaluator:
        return SyntheticEvaluator(blocks=3, noise=request.param)


class TestTheSuite:
    """It fails for an evaluator that breaks its promise."""

    def test_other_bytes_for_an_equal_policy_fail(self, tmp_path: Path) -> None:
        class Drifting(SyntheticEvaluator):
            def evaluate(self, policy: Policy, artifact: Path, *rest: Any) -> Any:
                candidate = super().evaluate(policy, artifact, *rest)
                artifact.write_bytes(artifact.read_bytes() + bytes([len(self.evaluated)]))
                return candidate

        with pytest.raises(AssertionError):
            EvaluatorConformance().test_equal_policies_give_equal_files_and_counts(Drifting(blocks=3), tmp_path)

    def test_scoring_on_the_test_split_again_fails(self, tmp_path: Path) -> None:
        class Peeking(FormulaEvaluator):
            def finalise(self, candidate: Any) -> Any:
                again = super().finalise(candidate)
                self.evaluations += 1
                shifted = again.metrics["accuracy"].widened(0.01 * self.evaluations)
                return replace(again, metrics={**again.metrics, "test_accuracy": shifted})

        with pytest.raises(AssertionError):
            EvaluatorConformance().test_the_final_step_scores_on_the_test_split_once(Peeking(), tmp_path)
