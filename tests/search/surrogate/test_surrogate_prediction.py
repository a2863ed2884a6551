"""What is expected of policies that were not tried, on the formula whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from parefront.search.probes.probing import Prober
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.search.runs.studies.history import Tried
from parefront.search.surrogate.sensitivity import Sensitivity
from parefront.search.surrogate.surrogate_prediction import Outlook
from parefront.spaces.policy import Policy

from ..synthetic import SyntheticEvaluator


def probed(evaluator: SyntheticEvaluator, folder: Path) -> Sensitivity:
    return Prober(evaluator, ProbeStore(folder), folder, ["latency"], 60).measure()


def tried(evaluator: SyntheticEvaluator, policy: Policy) -> Tried:
    accuracy, ratio = evaluator.exact(policy)
    return Tried(evaluator.space.encode(policy), policy.digest, (-accuracy, ratio), 0.0, 0.93 - accuracy)


def policies(evaluator: SyntheticEvaluator, count: int) -> list[Policy]:
    """All of the net in int8, with some blocks dropped and some widths cut."""
    generator, space, found = np.random.default_rng(0), evaluator.space, []
    for _ in range(count):
        choices = dict(space.encode(space.uniform({"quantize": 8})))
        for knob in space:
            if knob.compressor != "quantize" and generator.random() < 0.2:
                choices[knob.name] = knob.choices[int(generator.integers(len(knob.choices)))]
        found.append(space.decode(choices))
    return found


def outlook(evaluator: SyntheticEvaluator, sensitivity: Sensitivity, known: list[Policy]) -> Outlook:
    seen = [tried(evaluator, policy) for policy in known]
    return Outlook(sensitivity, tried(evaluator, Policy()), seen, 0, ["accuracy", "latency_ratio"])


def errors(
    evaluator: SyntheticEvaluator, sensitivity: Sensitivity, known: list[Policy], new: list[Policy]
) -> np.ndarray:
    means, _ = outlook(evaluator, sensitivity, known).predict(
        sensitivity.indices([evaluator.space.encode(policy) for policy in new])
    )
    truth = np.array([tried(evaluator, policy).costs for policy in new])
    return np.asarray(np.abs(means - truth))


def test_trials_make_predictions_better(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8, seed=1)
    sensitivity, every = probed(evaluator, tmp_path), policies(evaluator, 80)
    before = errors(evaluator, sensitivity, [], every[50:]).mean(axis=0)
    after = errors(evaluator, sensitivity, every[:50], every[50:]).mean(axis=0)
    assert (after < 0.8 * before).all()


def test_predictions_rank_what_was_not_tried(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8, seed=1)
    sensitivity, every = probed(evaluator, tmp_path), policies(evaluator, 80)
    rows = sensitivity.indices([evaluator.space.encode(policy) for policy in every[50:]])
    means, deviations = outlook(evaluator, sensitivity, every[:50]).predict(rows)
    for index in (0, 1):
        truth = [tried(evaluator, policy).costs[index] for policy in every[50:]]
        assert spearmanr(means[:, index], truth).statistic > 0.9
    assert (deviations > 0).all()


def test_three_objectives_have_a_cost_each(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=4)
    sensitivity = Prober(evaluator, ProbeStore(tmp_path), tmp_path, ["latency", "size"], 60).measure()
    seen = [
        Tried(t.params, t.digest, (*t.costs, 800.0), 0.0, t.divergence)
        for t in (tried(evaluator, policy) for policy in policies(evaluator, 10))
    ]
    start = Tried(evaluator.space.encode(Policy()), "", (-0.93, 1.0, 1000.0), 0.0, 0.0)
    means, _ = Outlook(sensitivity, start, seen, 0, ["accuracy", "latency_ratio", "size_bytes"]).predict(
        sensitivity.indices([seen[0].params])
    )
    assert 600 < means[0, 2] < 1000
