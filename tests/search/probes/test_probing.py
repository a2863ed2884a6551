"""Probes of the synthetic network: what they find is the formula's, what is known is not measured again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from parefront.evaluators.device.errors import DeviceError, DeviceUnreachable, RequestRefused
from parefront.evaluators.results.errors import EveryTrialFailed
from parefront.search.probes.probing import Prober
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy

from ..synthetic import SyntheticEvaluator


class CountingEvaluator(SyntheticEvaluator):
    """Counts its probes, and may be told to stop after so many."""

    losses = costs = 0
    limit = 10**9

    def probe_divergence(self, policy: Policy) -> float:
        self.losses += 1
        if self.losses + self.costs > self.limit:
            raise KeyboardInterrupt
        return super().probe_divergence(policy)

    def probe_costs(self, policy: Policy, artifact: Path, keys: object) -> dict[str, float]:
        self.costs += 1
        if self.losses + self.costs > self.limit:
            raise KeyboardInterrupt
        return super().probe_costs(policy, artifact, ["latency_ratio"])


def prober(evaluator: SyntheticEvaluator, folder: Path, trials: int = 60) -> Prober:
    return Prober(evaluator, ProbeStore(folder), folder, ["latency"], trials)


def test_the_base_is_int8_where_that_pays(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    found = prober(evaluator, tmp_path).measure()
    assert found.base == evaluator.space.encode(evaluator.space.uniform({"quantize": 8}))
    everything = evaluator.space.uniform({"quantize": 8})
    assert found.base_costs["latency_ratio"] == pytest.approx(evaluator.exact(everything)[1])


def test_losses_rank_policies_as_the_formula_does(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=8, seed=3)
    found = prober(evaluator, tmp_path).measure()
    policies = [evaluator.space.sample(np.random.default_rng(seed)) for seed in range(60)]
    rows = found.indices([evaluator.space.encode(policy) for policy in policies])
    exact = [-evaluator.exact(policy)[0] for policy in policies]
    assert spearmanr(found.expected_divergence(rows), exact).statistic > 0.9


def test_losses_never_fall_along_a_knob_and_are_nothing_where_it_is_left(tmp_path: Path) -> None:
    found = prober(SyntheticEvaluator(blocks=5), tmp_path).measure()
    for knob in found.space:
        losses = found.divergence[knob.name]
        assert losses[knob.choices.index(knob.neutral)] == 0.0
        assert list(losses) == sorted(losses)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    evaluator = CountingEvaluator(blocks=6)
    first = prober(evaluator, tmp_path).measure()
    spent = evaluator.losses + evaluator.costs
    assert prober(evaluator, tmp_path).measure().divergence == first.divergence
    assert evaluator.losses + evaluator.costs == spent


def test_probes_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    whole = CountingEvaluator(blocks=6)
    (tmp_path / "whole").mkdir()
    expected = prober(whole, tmp_path / "whole").measure()
    broken = CountingEvaluator(blocks=6)
    broken.limit = 15
    with pytest.raises(KeyboardInterrupt):
        prober(broken, tmp_path).measure()
    held = ProbeStore(tmp_path)
    assert len(held.divergences) + len(held.costs) == 15
    assert held.policies.keys() == held.divergences.keys() | held.costs.keys() | held.work.keys()
    assert all(policy.digest == digest for digest, policy in held.policies.items())
    broken.limit = 10**9
    found = prober(broken, tmp_path).measure()
    assert (found.divergence, found.savings) == (expected.divergence, expected.savings)
    assert broken.losses + broken.costs == whole.losses + whole.costs + 1, "but for the one that was stopped"


def test_what_has_no_model_is_no_one_s_choice(tmp_path: Path) -> None:
    class Refusing(SyntheticEvaluator):
        def probe_divergence(self, policy: Policy) -> float:
            if "drop_blocks/block2" in policy:
                raise Infeasible("no")
            return super().probe_divergence(policy)

    found = prober(Refusing(blocks=6), tmp_path).measure()
    others = [found.divergence[f"drop_blocks/block{block}"][1] for block in range(6) if block != 2]
    assert found.divergence["drop_blocks/block2"][1] >= 5 * np.median(others)


def test_no_artefact_is_left(tmp_path: Path) -> None:
    prober(SyntheticEvaluator(blocks=3), tmp_path).measure()
    assert [path.name for path in tmp_path.iterdir()] == ["probes.json"]


def test_a_probe_that_fails_is_told_of_and_does_not_end_the_search(tmp_path: Path) -> None:
    class Breaking(SyntheticEvaluator):
        def probe_divergence(self, policy: Policy) -> float:
            if "drop_blocks/block1" in policy:
                raise ValueError("singular")
            return super().probe_divergence(policy)

    evaluator, told = Breaking(blocks=4), []
    found = Prober(
        evaluator,
        ProbeStore(tmp_path),
        tmp_path,
        ["latency"],
        60,
        on_failure=lambda p, e: told.append((dict(p), str(e))),
    ).measure()
    assert told == [({"drop_blocks/block1": True}, "singular")]
    assert found.divergence["drop_blocks/block1"][1] > found.divergence["drop_blocks/block0"][1]


def test_a_probe_that_failed_is_tried_again_by_the_next_session_and_one_the_device_died_of_is_not(
    tmp_path: Path,
) -> None:
    class Breaking(SyntheticEvaluator):
        def probe_divergence(self, policy: Policy) -> float:
            if "drop_blocks/block1" in policy:
                raise RuntimeError("no kernel")
            return super().probe_divergence(policy)

        def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
            if len(policy.of("prune_channels")):
                raise DeviceError("no answer; so did the one before it")
            return super().probe_costs(policy, artifact, keys)

    broken = prober(Breaking(blocks=4), tmp_path).measure()
    assert not any(sum(broken.savings["latency_ratio"][f"prune_channels/block{b}.conv1"]) for b in range(4))
    mended = SyntheticEvaluator(blocks=4)
    found = prober(mended, tmp_path).measure()
    dropped = mended.space.decode({"drop_blocks/block1": True})
    assert ProbeStore(tmp_path).divergences[dropped.digest] == pytest.approx(mended.probe_divergence(dropped))
    assert found.savings == broken.savings


def test_without_costs_of_the_uncompressed_model_there_is_no_search(tmp_path: Path) -> None:
    class Broken(SyntheticEvaluator):
        def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
            raise RuntimeError("no kernel")

    with pytest.raises(EveryTrialFailed, match="the costs of the uncompressed model could not be measured"):
        prober(Broken(blocks=3), tmp_path).measure()
    assert prober(SyntheticEvaluator(blocks=3), tmp_path).measure().base_costs["latency_ratio"] > 0


def test_where_alike_knobs_have_no_model_together_half_of_them_tell(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6)
    found = prober(evaluator, tmp_path).measure()
    everything = evaluator.space.uniform({"drop_blocks": True})
    assert ProbeStore(tmp_path).costs[everything.digest] is None
    for block in range(6):
        assert found.savings["latency_ratio"][f"drop_blocks/block{block}"][1] > 0


def test_more_costs_than_were_asked_for_are_left_out(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=3)
    Prober(evaluator, ProbeStore(tmp_path), tmp_path, ["latency", "size"], 60).measure()
    assert prober(evaluator, tmp_path).measure().costs == ("latency_ratio",)


def test_what_layers_take_of_the_base_is_asked_for_once(tmp_path: Path) -> None:
    class Profiled(SyntheticEvaluator):
        asked = 0

        def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
            self.asked += 1
            assert policy == self.space.uniform({"quantize": 8})
            return {key: {"block0.conv1": 0.25, "block0.conv2": 0.5} for key in keys}

    evaluator = Profiled(blocks=3)
    first, second = (prober(evaluator, tmp_path).measure() for _ in range(2))
    assert first.work == second.work == {"latency_ratio": {"block0.conv1": 0.25, "block0.conv2": 0.5}}
    assert evaluator.asked == 1


def test_only_what_is_not_known_yet_is_asked_for_and_nothing_known_is_lost(tmp_path: Path) -> None:
    class Profiled(SyntheticEvaluator):
        asked: list[str] = []  # noqa: RUF012

        def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
            self.asked += keys
            if "energy_mj" in keys:
                raise RequestRefused("operators", "no profile here")
            return {key: {"block0.conv1": 0.25} for key in keys}

        def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
            found = super().probe_costs(policy, artifact, ["latency_ratio", "size_bytes"])
            return {**found, "energy_mj": found["latency_ratio"]}

    evaluator = Profiled(blocks=3)
    costs = [["size"], ["latency", "size"], ["latency", "size", "energy"]]
    works = [Prober(evaluator, ProbeStore(tmp_path), tmp_path, names, 60).measure().work for names in costs]
    assert works == [{}, {"latency_ratio": {"block0.conv1": 0.25}}, {"latency_ratio": {"block0.conv1": 0.25}}]
    assert evaluator.asked == ["latency_ratio", "energy_mj"]


def test_a_device_that_cannot_be_profiled_is_searched_for_all_the_same(tmp_path: Path) -> None:
    class Unprofiled(SyntheticEvaluator):
        def probe_work(self, policy: Policy, keys: Collection[str]) -> dict[str, dict[str, float]]:
            raise RequestRefused("operators", "no profile here")

    told: list[str] = []
    found = Prober(
        Unprofiled(blocks=3),
        ProbeStore(tmp_path),
        tmp_path,
        ["latency"],
        60,
        on_failure=lambda p, e: told.append(str(e)),
    ).measure()
    assert not found.work
    assert len(told) == 1
    assert found.base_costs["latency_ratio"] < 1


def test_of_a_device_that_others_keep_busy_nothing_is_kept(tmp_path: Path) -> None:
    class Busy(SyntheticEvaluator):
        def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> dict[str, float]:
            raise DeviceUnreachable("others have been measuring on this device for 60 s")

    with pytest.raises(DeviceUnreachable):
        prober(Busy(blocks=3), tmp_path).measure()
    assert not ProbeStore(tmp_path).costs
    assert prober(SyntheticEvaluator(blocks=3), tmp_path).measure().base_costs["latency_ratio"] < 1
