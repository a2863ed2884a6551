"""Before the first trial: budgets out of reach are refused, and another run's probes are taken over."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.errors import NoCandidate
from parefront.evaluators.results.fronts.front import Front
from parefront.search import asked as asking
from parefront.search import controller, finalise, probe_phase, uncompressed
from parefront.search.controller import search
from parefront.search.probes import probing
from parefront.search.runs.events import Probing
from parefront.search.runs.run import Run
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy

from ..clocks import HandClock
from .synthetic import SyntheticEvaluator, profile_json


def run_of(folder: Path, name: str, trials: int = 30, search: dict[str, Any] | None = None, **more: Any) -> Run:
    return Run.create(folder / name, {"search": {"trials": trials, "seed": 0, **(search or {})}, **more})


def test_a_budget_out_of_reach_is_refused_before_any_trial(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=4)
    run = run_of(tmp_path, "impossible", budget=["latency <= 0.001x"])
    with pytest.raises(
        NoCandidate, match=r"latency <= 0.001x cannot be met: the least that was found is latency 0\.\d+x"
    ) as refused:
        search(run, evaluator)
    assert refused.value.exit_code == 4
    assert "prune_channels" in str(refused.value)
    assert not run.trials


def test_a_budget_within_reach_is_met_by_the_upper_bound(tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=6, noise=0.01)
    front = search(run_of(tmp_path, "possible", budget=["latency <= 0.35x"]), evaluator)
    assert front.select("latency <= 0.35x").metrics["latency_ratio"].high <= 0.35


def test_probing_is_told_of(tmp_path: Path) -> None:
    events: list[object] = []
    search(run_of(tmp_path, "told"), SyntheticEvaluator(blocks=3), events.append)
    told = [event for event in events if isinstance(event, Probing)]
    assert told.pop(0).total == 0, "how many there are depends on what the first ones tell"
    done = [event.done for event in told]
    assert len(done) > 10
    assert done == sorted(set(done))
    assert done[0] == 0
    assert done[-1] == told[-1].total


def test_a_search_starts_warm_from_another_run_s_probes(tmp_path: Path) -> None:
    search(run_of(tmp_path, "first"), SyntheticEvaluator(blocks=4))
    cold, warm = SyntheticEvaluator(blocks=4), SyntheticEvaluator(blocks=4)
    asked: list[Policy] = []
    warm.probe_divergence = lambda policy: asked.append(policy) or 0.0  # type: ignore[method-assign,func-returns-value]
    expected = search(run_of(tmp_path, "cold"), cold)
    got = search(run_of(tmp_path, "warm", search={"warm_start": str(tmp_path / "first")}), warm)
    assert asked == []
    assert [c.policy for c in got] == [c.policy for c in expected]


class Somewhere(SyntheticEvaluator):
    """Says what device it is on, as it is at the moment."""

    load = 0.1

    @property
    def environment(self) -> Mapping[str, Any]:
        return {"device": profile_json(load=self.load, temperature_celsius=40 + self.load)}


@pytest.mark.parametrize(
    ("load", "device", "asked"), [(0.9, {"threads": 1}, False), (0.1, {"threads": 2}, True)], ids=["busy", "threads"]
)
def test_costs_are_taken_over_from_the_same_device_used_alike(
    load: float, device: dict[str, int], asked: bool, tmp_path: Path
) -> None:
    search(run_of(tmp_path, "first", device={"threads": 1}), Somewhere(blocks=3))
    warm, costs = Somewhere(blocks=3), list[Policy]()
    warm.load = load
    ask = warm.probe_costs
    warm.probe_costs = lambda p, *rest: costs.append(p) or ask(p, *rest)  # type: ignore[method-assign,func-returns-value]
    search(run_of(tmp_path, "warm", device=device, search={"warm_start": str(tmp_path / "first")}), warm)
    assert bool(costs) == asked


def test_a_run_with_trials_is_not_refused_any_more(tmp_path: Path) -> None:
    class Slower(SyntheticEvaluator):
        """As if another moment of the device had told another latency."""

        factor = 1.0

        def exact(self, policy: Policy) -> tuple[float, float]:
            accuracy, ratio = super().exact(policy)
            return accuracy, ratio * (self.factor if policy else 1.0)

    run = run_of(tmp_path, "run", trials=20, budget=["latency <= 0.2x"])
    evaluator = Slower(blocks=4)
    evaluator.factor = 0.6
    search(run, evaluator)
    evaluator.factor = 3.0
    (run.path / "probes.json").unlink()
    again = Run.resume_or_create("run", {**run.config, "search": {**run.config["search"], "trials": 22}}, tmp_path)
    search(again, evaluator)
    assert len(again.trials) == 22


def test_probes_of_other_methods_are_refused(tmp_path: Path) -> None:
    search(run_of(tmp_path, "first", compress={"quantize": {}}), SyntheticEvaluator(blocks=3))
    other = run_of(tmp_path, "second", compress={"prune_channels": {}}, search={"warm_start": str(tmp_path / "first")})
    with pytest.raises(ConfigError, match="other methods; its probes tell nothing here"):
        search(other, SyntheticEvaluator(blocks=3))


def test_probe_seconds_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    for module in (asking, controller, finalise, probe_phase, probing, uncompressed):
        monkeypatch.setattr(module, "time", clock)

    class Slow(SyntheticEvaluator):
        def probe_divergence(self, policy: Policy) -> float:
            clock.sleep(0.1)
            return super().probe_divergence(policy)

    run = run_of(tmp_path, "counted", trials=20)
    evaluator = Slow(blocks=4)
    search(run, evaluator)
    probes = ProbeStore(run.path).seconds
    assert probes == pytest.approx(0.1 * len(ProbeStore(run.path).divergences))
    assert run.seconds == pytest.approx(probes), "nothing else takes time by this clock"
    first = run.trials[0].candidate
    assert first is not None
    assert first.timings["ask"] == pytest.approx(0), "the first to ask waits for them, which is counted once"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sixty_evaluations_find_nearly_all_of_a_space_that_can_be_enumerated(seed: int, tmp_path: Path) -> None:
    evaluator = SyntheticEvaluator(blocks=2, seed=seed, noise=0.002)
    space, truth = evaluator.space, SyntheticEvaluator(blocks=2, seed=seed)
    every = {space.decode(dict(zip([k.name for k in space], c, strict=True)))
             for c in itertools.product(*(k.choices for k in space))}  # fmt: skip
    assert len(every) >= 500
    baseline = truth.baseline(tmp_path)

    def volume(policies: set[Policy]) -> float:
        candidates: list[Candidate] = []
        for policy in policies:
            if len(policy.of("drop_blocks")) < 2:
                candidates.append(truth.evaluate(policy, tmp_path / "one.onnx"))
        return Front.of(candidates, ("accuracy", "latency"), baseline).hypervolume()

    run = run_of(tmp_path, "small", trials=60, search={"seed": seed})
    search(run, evaluator)
    share = volume({record.policy for record in run.trials}) / volume(every)
    assert share > 0.95
    assert np.isfinite(share)
