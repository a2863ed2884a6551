"""What every evaluator owes, as a test suite: subclass it, give one fixture."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.metric import Kind
from ..evaluators.results.metrics import metric_of
from ..evaluators.trial.evaluator import Evaluator
from ..search.runs.run_facts import quality_in
from ..spaces.errors import Infeasible
from ..spaces.policy import Policy

SINGLE_POLICIES = 6
"""So many knobs are tried alone, each at its strongest choice."""


class EvaluatorConformance:
    """The suite for an :class:`~parefront.evaluators.Evaluator`.

    ::

        class TestMyEvaluator(EvaluatorConformance):
            @pytest.fixture
            def evaluator(self) -> Iterator[Evaluator]:
                with closing(MyEvaluator()) as made:
                    yield made
    """

    def test_every_knob_is_of_layers_that_it_knows(self, evaluator: Evaluator, tmp_path: Path) -> None:
        evaluator.baseline(tmp_path)
        assert len(evaluator.space)
        known = set(evaluator.layers)
        for knob in evaluator.space:
            assert knob.layers <= known, f"{knob.name} is of {sorted(knob.layers - known)}, which are no layers"
        for base in evaluator.bases:
            evaluator.space.validate(base)

    def test_its_environment_can_be_written_as_json(self, evaluator: Evaluator) -> None:
        assert json.loads(json.dumps(dict(evaluator.environment), allow_nan=False))

    def test_the_uncompressed_model_is_the_empty_policy(self, evaluator: Evaluator, tmp_path: Path) -> None:
        baseline = evaluator.baseline(tmp_path)
        assert baseline.policy == Policy()
        _is_sound(baseline)
        assert quality_in(evaluator.environment).key in baseline.metrics
        assert {"latency_ms", "latency_ratio", "size_bytes"} <= set(baseline.metrics)
        assert abs(baseline.metrics["latency_ratio"].value - 1) < 0.2

    def test_equal_policies_give_equal_files_and_counts(self, evaluator: Evaluator, tmp_path: Path) -> None:
        evaluator.baseline(tmp_path)
        tried = 0
        for policy in _single(evaluator):
            try:
                first = evaluator.evaluate(policy, tmp_path / "first.onnx")
            except Infeasible:
                continue
            tried += 1
            again = evaluator.evaluate(policy, tmp_path / "again.onnx")
            _is_sound(first)
            assert first.policy == again.policy == policy
            assert first.artifact == tmp_path / "first.onnx"
            assert first.sha256 == again.sha256
            assert _counted(first) == _counted(again)
        assert tried

    def test_the_empty_policy_costs_what_the_uncompressed_model_does(
        self, evaluator: Evaluator, tmp_path: Path
    ) -> None:
        baseline = evaluator.baseline(tmp_path)
        assert _counted(evaluator.evaluate(Policy(), tmp_path / "empty.onnx")) == _counted(baseline)

    def test_its_probes_tell_losses_and_costs_of_a_policy(self, evaluator: Evaluator, tmp_path: Path) -> None:
        evaluator.baseline(tmp_path)
        assert abs(evaluator.probe_divergence(Policy())) < 0.02
        keys = ["latency_ratio", "size_bytes"]
        for policy in _single(evaluator)[:2]:
            try:
                loss, costs = evaluator.probe_divergence(policy), evaluator.probe_costs(policy, tmp_path / "p", keys)
            except Infeasible:
                continue
            assert math.isfinite(loss)
            assert set(costs) == set(keys)
            assert all(0 < cost < 10 for cost in costs.values()), costs

    def test_work_is_shared_out_among_its_layers(self, evaluator: Evaluator, tmp_path: Path) -> None:
        evaluator.baseline(tmp_path)
        for shares in evaluator.probe_work(Policy(), ["latency_ratio"]).values():
            assert set(shares) <= set(evaluator.layers) | {""}
            assert 0 < sum(shares.values()) <= 1.001

    def test_the_final_step_scores_on_the_test_split_once(self, evaluator: Evaluator, tmp_path: Path) -> None:
        evaluator.baseline(tmp_path)
        candidate = evaluator.evaluate(Policy(), tmp_path / "model.onnx")
        key = f"test_{quality_in(evaluator.environment).key}"
        once = evaluator.finalise(candidate)
        twice = evaluator.finalise(once)
        assert key in once.metrics
        assert twice.metrics[key] == once.metrics[key]
        assert (once.policy, once.sha256) == (candidate.policy, candidate.sha256)
        assert set(candidate.metrics) <= set(once.metrics)


def _single(evaluator: Evaluator) -> list[Policy]:
    """Policies of one knob at its strongest choice, spread over all knobs."""
    knobs = list(evaluator.space)
    step = max(1, len(knobs) // SINGLE_POLICIES)
    return [evaluator.space.decode({knob.name: knob.choices[-1]}) for knob in knobs[::step]]


def _is_sound(candidate: Candidate) -> None:
    """Its file has the SHA-256 that it says, and every measurement lies in its interval."""
    assert candidate.artifact is not None
    assert hashlib.sha256(candidate.artifact.read_bytes()).hexdigest() == candidate.sha256
    for key, measured in candidate.metrics.items():
        assert measured.low <= measured.value <= measured.high, key
    assert candidate.timings["total"] > 0


def _counted(candidate: Candidate) -> dict[str, float]:
    """The costs that are known exactly."""
    keys = ("size_bytes", "macs", "params")
    assert all(metric_of(key).kind is Kind.COUNTED for key in keys)
    return {key: candidate.metrics[key].value for key in keys if key in candidate.metrics}
