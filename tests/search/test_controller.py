"""The loop: each policy once, what fails is recorded, the front is measured again, and a search can be gone on with."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest

from parefront.evaluators.device.errors import DeviceError
from parefront.evaluators.results.candidate import STOPPED, Candidate
from parefront.evaluators.results.errors import EveryTrialFailed, HostFailed, TrialsKeepFailing
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.search.controller import search
from parefront.search.runs import kept_artifacts
from parefront.search.runs.events import Done, Event, Finalising, Finished, Started
from parefront.search.runs.record import Outcome
from parefront.search.runs.run import Run
from parefront.search.samplers.uniform import uniform_policies
from parefront.spaces.errors import ConfigError, ParefrontError
from parefront.spaces.policy import Policy

from .conftest import SearchIn
from .synthetic import SyntheticEvaluator


def tiny(ratios: tuple[float, ...] = (0.0, 0.5)) -> SyntheticEvaluator:
    """A network of two blocks: 81 policies, or 25 without pruning."""
    return SyntheticEvaluator(blocks=2, ratios=ratios)


class FailingEvaluator(SyntheticEvaluator):
    """Fails where a policy quantises the first layer, in the way that ``error`` says."""

    error: Exception = RuntimeError("shapes do not match\nat all")

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        artifact.write_bytes(b"half a mod")
        if "quantize/block0.conv1" in policy:
            raise self.error
        return super().evaluate(policy, artifact, rivals)


class BrokenEvaluator(SyntheticEvaluator):
    """Fails always."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        raise RuntimeError("nothing works")


def study_of(run: Run) -> optuna.Study:
    return optuna.load_study(study_name=None, storage=f"sqlite:///{run.path / 'study.db'}")


def test_every_policy_is_evaluated_once(search_in: SearchIn) -> None:
    evaluator = tiny()
    run, _ = search_in(evaluator, trials=60)
    assert len(evaluator.evaluated) == len(set(evaluator.evaluated)) == 60 == len(run.trials)


def test_repeats_are_told_to_the_study_and_do_not_count(search_in: SearchIn) -> None:
    run, _ = search_in(tiny(), trials=60)
    trials = study_of(run).get_trials()
    repeats = [t for t in trials if "repeats" in t.user_attrs]
    assert repeats
    assert len(trials) == 60 + len(repeats)
    by_number = {t.number: t for t in trials}
    for repeat in repeats:
        assert repeat.state == by_number[repeat.user_attrs["repeats"]].state
        assert repeat.values == by_number[repeat.user_attrs["repeats"]].values


def test_a_space_with_nothing_left_ends_the_search(search_in: SearchIn) -> None:
    evaluator = SyntheticEvaluator(blocks=1, ratios=(0.0,))
    policies = {evaluator.space.sample(np.random.default_rng(i)) for i in range(200)}
    events: list[Event] = []
    run, _ = search_in(evaluator, trials=50, on_event=events.append)
    assert set(evaluator.evaluated) == policies
    assert isinstance(events[-1], Done)
    assert "no policy that was not tried" in events[-1].message
    assert run.finished


def test_finds_the_true_front_of_a_tiny_space(search_in: SearchIn) -> None:
    evaluator = tiny(ratios=(0.0,))
    generator = np.random.default_rng(0)
    everything = sorted({evaluator.space.sample(generator) for _ in range(1000)}, key=lambda p: p.digest)
    exact = {p: evaluator.exact(p) for p in everything if len(p.of("drop_blocks")) < 2}
    best = {
        p for p, (a, t) in exact.items() if not any(x >= a and y <= t and (x, y) != (a, t) for x, y in exact.values())
    }
    run, front = search_in(evaluator, trials=len(everything), sampler="auto")
    assert len(everything) == 25
    assert {c.policy for c in front} == best - {Policy()}, "the uncompressed model is the baseline, not a candidate"
    assert run.counts["infeasible"] == len(everything) - len(exact)


def test_an_infeasible_policy_is_recorded_with_its_reason(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=1, ratios=(0.0,)), trials=4)
    infeasible = [r for r in run.trials if r.outcome is Outcome.INFEASIBLE]
    assert infeasible
    assert all(r.reason == "no block is left" and r.candidate is None for r in infeasible)
    states = {t.number: t.state for t in study_of(run).get_trials()}
    assert all(states[r.number] == optuna.trial.TrialState.FAIL for r in infeasible)


def test_a_failure_is_recorded_and_the_search_goes_on(search_in: SearchIn) -> None:
    run, front = search_in(FailingEvaluator(blocks=3), trials=20, raise_errors=False)
    failed = [r for r in run.trials if r.outcome is Outcome.FAILED]
    assert 0 < len(failed) < 20
    assert len(front)
    assert all(r.reason == "RuntimeError: shapes do not match" for r in failed)
    assert not any(run.artifact(r.policy.digest).exists() for r in failed)
    log = (run.path / "log.txt").read_text()
    assert f"trial {failed[0].number} failed\nTraceback" in log
    assert all(r.traceback.startswith("Traceback (most recent call last)") for r in failed)
    assert all(r.traceback.endswith("RuntimeError: shapes do not match\nat all") for r in failed)


def test_a_failure_raises_where_it_should(search_in: SearchIn) -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        search_in(FailingEvaluator(blocks=3), trials=20, raise_errors=True)


def test_an_error_that_the_user_can_mend_ends_the_search_and_spoils_no_trial(search_in: SearchIn) -> None:
    broken = FailingEvaluator(blocks=3)
    broken.error = ParefrontError("the device is gone")
    with pytest.raises(ParefrontError, match="the device is gone"):
        search_in(broken, trials=12, raise_errors=False)
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=12)
    undisturbed, _ = search_in(SyntheticEvaluator(blocks=3), "undisturbed", trials=12)
    assert [r.policy for r in run.trials] == [r.policy for r in undisturbed.trials]


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file or directory", "runs/k/artifacts/.x.onnx"),
        OSError(28, "No space left on device"),
        MemoryError("Unable to allocate 3 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_a_failure_of_the_host_ends_the_session_and_spoils_no_trial(
    error: Exception, search_in: SearchIn, tmp_path: Path
) -> None:
    failing = FailingEvaluator(blocks=3)
    failing.error = error
    with pytest.raises(
        HostFailed, match=f"spoils no trial: {type(error).__name__}: .*the same command goes on"
    ) as told:
        search_in(failing, trials=12, raise_errors=False)
    assert "\n" not in str(told.value)
    assert Run.open("run", tmp_path).counts["failed"] == 0
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=12)
    undisturbed, _ = search_in(SyntheticEvaluator(blocks=3), "undisturbed", trials=12)
    assert [r.policy for r in run.trials] == [r.policy for r in undisturbed.trials]


class LosingFolder(SyntheticEvaluator):
    """Somebody removes a folder of the run while it is searched."""

    folder = "artifacts"

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        if len(self.evaluated) == 4:
            shutil.rmtree(artifact.parents[1] / self.folder)
        return super().evaluate(policy, artifact, rivals)


@pytest.mark.parametrize("folder", ["artifacts", "trials"])
def test_a_folder_that_vanishes_ends_the_session_and_is_made_anew_by_the_next(
    folder: str, search_in: SearchIn, tmp_path: Path
) -> None:
    losing = LosingFolder(blocks=3)
    losing.folder = folder
    with pytest.raises(HostFailed, match=f"FileNotFoundError: .*/run/{folder}/"):
        search_in(losing, trials=12, raise_errors=False)
    assert Run.open("run", tmp_path).counts["failed"] == 0
    run, front = search_in(SyntheticEvaluator(blocks=3), trials=12)
    assert run.counts["failed"] == 0
    assert all(candidate.artifact is not None and candidate.artifact.is_file() for candidate in front)


def test_a_failure_of_the_host_in_a_probe_is_none_of_the_knobs(search_in: SearchIn, tmp_path: Path) -> None:
    class NoRoom(SyntheticEvaluator):
        def probe_divergence(self, policy: Policy) -> float:
            raise OSError(28, "No space left on device")

    with pytest.raises(HostFailed, match="No space left"):
        search_in(NoRoom(blocks=3), trials=12, sampler="auto", raise_errors=False)


def test_a_failure_of_the_host_in_the_final_step_drops_no_member(search_in: SearchIn, tmp_path: Path) -> None:
    class NoRoom(SyntheticEvaluator):
        def finalise(self, candidate: Candidate) -> Candidate:
            if len(self.finalised) == 2:
                raise OSError(28, "No space left on device")
            return super().finalise(candidate)

    with pytest.raises(HostFailed, match="No space left"):
        search_in(NoRoom(blocks=3), trials=12, raise_errors=False)
    _, front = search_in(SyntheticEvaluator(blocks=3), trials=12)
    _, undisturbed = search_in(SyntheticEvaluator(blocks=3), "undisturbed", trials=12)
    assert [candidate.policy for candidate in front] == [candidate.policy for candidate in undisturbed]


class LosingDevice(FailingEvaluator):
    """A device that dies of some candidates, and where ``gone`` is not to be reached afterwards."""

    error = DeviceError("the worker died")
    gone = True
    baselines = 0

    def baseline(self, artifacts: Path) -> Candidate:
        self.baselines += 1
        if self.baselines > 1 and self.gone:
            raise DeviceError("cannot reach the device")
        return super().baseline(artifacts)


def test_a_device_that_is_gone_ends_the_search_and_spoils_no_trial(search_in: SearchIn, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot reach the device"):
        search_in(LosingDevice(blocks=3), trials=12, raise_errors=False)
    assert Run.open("run", tmp_path).counts["failed"] == 0


def test_a_candidate_that_the_device_dies_of_has_failed(search_in: SearchIn) -> None:
    evaluator = LosingDevice(blocks=3)
    evaluator.gone = False
    run, _ = search_in(evaluator, trials=12, raise_errors=False)
    assert run.counts["failed"] == evaluator.baselines - 1 > 0


def test_gives_up_after_five_in_a_row_of_the_same_cause(search_in: SearchIn, tmp_path: Path) -> None:
    message = "5 trials in a row have failed of the same cause: RuntimeError: nothing works"
    with pytest.raises(TrialsKeepFailing, match=message) as error:
        search_in(BrokenEvaluator(), trials=40, raise_errors=False)
    assert error.value.exit_code == 3
    assert Run.open("run", tmp_path).counts == {"complete": 0, "infeasible": 0, "failed": 5}


class FailingLater(SyntheticEvaluator):
    """Fails from the seventh evaluation of a session on, with one of several messages by turns."""

    messages: ClassVar[tuple[str, ...]] = (
        "layer 3 of /tmp/a1b2/x.onnx has 16 channels",
        "layer 5 of /y has 8 channels",
    )

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        made = super().evaluate(policy, artifact, rivals)
        if len(self.evaluated) > 6:
            raise ValueError(self.messages[len(self.evaluated) % len(self.messages)])
        return made


def test_gives_up_in_the_middle_keeps_what_was_found_and_goes_on(search_in: SearchIn, tmp_path: Path) -> None:
    """The messages differ by numbers and paths alone, so that their cause is one."""
    with pytest.raises(TrialsKeepFailing, match="ValueError: layer"):
        search_in(FailingLater(), trials=20, raise_errors=False)
    run = Run.open("run", tmp_path)
    assert (run.counts["complete"], run.counts["failed"]) == (6, 5)
    assert len(run.front)
    run, front = search_in(SyntheticEvaluator(), trials=20)
    assert run.counts["complete"] == 15
    assert len(front)


def test_failures_of_different_causes_end_no_search(search_in: SearchIn) -> None:
    class FailingDifferently(FailingLater):
        messages = ("too wide", "too narrow")

    run, _ = search_in(FailingDifferently(), trials=20, raise_errors=False)
    assert run.counts["failed"] == 14


class LeavingOut(SyntheticEvaluator):
    """Measures no latency of what quantises the first layer, or what is none."""

    value: float | None = None

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        made = super().evaluate(policy, artifact, rivals)
        if "quantize/block0.conv1" not in policy:
            return made
        metrics = {key: value for key, value in made.metrics.items() if key != "latency_ratio"}
        if self.value is not None:
            metrics["latency_ratio"] = Measurement(self.value, self.value, self.value, 9, "x")
        return replace(made, metrics=metrics)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, r"NotMeasured: 'latency' was not measured for trial \d+; measured: accuracy, "),
        (float("nan"), "ValueError: a measurement must be finite, got nan"),
        (float("inf"), "ValueError: a measurement must be finite, got inf"),
    ],
)
def test_a_candidate_without_a_finite_objective_has_failed(value: float | None, says: str, search_in: SearchIn) -> None:
    evaluator = LeavingOut(blocks=3)
    evaluator.value = value
    run, front = search_in(evaluator, trials=12, raise_errors=False)
    failed = [record for record in run.trials if record.outcome is Outcome.FAILED]
    assert failed
    assert all(re.match(says, record.reason) for record in failed)
    assert len(front)


def test_no_candidate_at_all_is_an_error(search_in: SearchIn) -> None:
    with pytest.raises(EveryTrialFailed, match="no candidate from 4 trials"):
        search_in(BrokenEvaluator(), trials=4, raise_errors=False)


def test_an_objective_that_is_not_measured_is_refused_before_any_trial(search_in: SearchIn) -> None:
    evaluator = SyntheticEvaluator()
    with pytest.raises(ConfigError, match=r"'energy' was not measured for the uncompressed model; measured: accuracy"):
        search_in(evaluator, objectives=["accuracy", "energy"])
    assert not evaluator.evaluated


def test_a_run_that_was_scored_by_another_metric_is_not_gone_on_with(search_in: SearchIn) -> None:
    search_in(SyntheticEvaluator(), trials=4)
    with pytest.raises(ConfigError, match=r"scored by accuracy \(higher is better\), and .* metric is mse \(lower is"):
        search_in(EvaluatorOfErrors(), trials=8)


class EvaluatorOfErrors(SyntheticEvaluator):
    """Says that its task has a metric of its own."""

    @property
    def environment(self) -> Mapping[str, Any]:
        return {"metric": {"name": "mse", "higher_is_better": False, "unit": "score"}}


def test_the_final_step_measures_again_and_drops_what_was_there_by_luck(search_in: SearchIn) -> None:
    evaluator = SyntheticEvaluator(noise=0.02)
    run, front = search_in(evaluator, trials=40, sampler="nsga2")
    lucky = Front.of([r.candidate for r in run.trials if r.candidate], ("accuracy", "latency"), run.search_baseline)
    assert set(evaluator.finalised) == {Policy()} | {c.policy for c in lucky}
    assert 0 < len(front) < len(lucky)
    assert {c.trial for c in front} < {c.trial for c in lucky}
    for candidate in front:
        assert candidate.metrics["accuracy"].value == pytest.approx(evaluator.exact(candidate.policy)[0])
        assert "test_accuracy" in candidate.metrics
    assert [c.trial for c in run.front] == [c.trial for c in front]
    assert "test_accuracy" in run.baseline.metrics


def test_only_who_is_selected_is_measured_again_where_no_more_is_asked_for(search_in: SearchIn) -> None:
    evaluator = SyntheticEvaluator()
    run, front = search_in(evaluator, budget=["latency <= 0.5x"], final="selected")
    whole = Front.of([r.candidate for r in run.trials if r.candidate], ("accuracy", "latency"), run.search_baseline)
    (member,) = front
    assert member.trial == whole.select("latency <= 0.5x").trial
    assert set(evaluator.finalised) == {Policy(), member.policy}
    assert [c.trial for c in run.front] == [member.trial]


def test_where_the_selected_one_is_beyond_the_budget_by_then_the_front_is_measured_again(search_in: SearchIn) -> None:
    class Slower(SyntheticEvaluator):
        """The fastest that was found in the search is ten times as slow at its end."""

        def finalise(self, candidate: Candidate) -> Candidate:
            again = super().finalise(candidate)
            slow = len(set(self.finalised)) == 2
            ratio = Measurement.exact(again.metrics["latency_ratio"].value * (10 if slow else 1), "x")
            return replace(again, metrics={**again.metrics, "latency_ratio": ratio})

    evaluator = Slower()
    _, front = search_in(evaluator, budget=["latency <= 0.5x"], final="selected")
    assert len(set(evaluator.finalised)) > 2
    assert front.select().metrics["latency_ratio"].value <= 0.5


def test_where_nobody_is_selected_the_front_is_measured_again(search_in: SearchIn) -> None:
    _, front = search_in(SyntheticEvaluator(), budget=["latency <= 0.001x"], final="selected")
    assert len(front) > 1


def test_the_uncompressed_model_is_read_twice_as_the_front_is(search_in: SearchIn) -> None:
    class Slower(SyntheticEvaluator):
        def finalise(self, candidate: Candidate) -> Candidate:
            again, slower = super().finalise(candidate), 1 + 0.1 * self.finalised.count(candidate.policy)
            ratio = Measurement.around(slower, slower, slower, 9, "x")
            return replace(again, metrics={**again.metrics, "latency_ratio": ratio})

    run, _ = search_in(Slower(), trials=5)
    assert run.baseline.metrics["latency_ratio"].value == pytest.approx(1.15)
    assert run.baseline.metrics["latency_ratio"].half_width > 0.01


def test_budgets_are_constraints_of_the_study(search_in: SearchIn) -> None:
    budget = ["latency <= 0.4x", "accuracy >= -2pt"]
    run, front = search_in(SyntheticEvaluator(), trials=30, sampler="auto", budget=budget)
    for trial in study_of(run).get_trials():
        if trial.state == optuna.trial.TrialState.COMPLETE:
            assert trial.constraints["latency <= 0.4x"] == pytest.approx((trial.values[1] - 0.4) / 0.4)
            assert set(trial.constraints) == set(budget)
    assert front.select().metrics["latency_ratio"].high <= 0.4


def test_events_tell_the_whole_story(search_in: SearchIn) -> None:
    events: list[Event] = []
    run, front = search_in(SyntheticEvaluator(), trials=10, budget=["latency <= 0.9x"], on_event=events.append)
    started, *finished = [e for e in events if isinstance(e, Started | Finished)]
    assert isinstance(started, Started)
    assert (started.run, started.done, started.total, len(started.front)) == (run.path, 0, 10, 0)
    assert started.baseline == run.search_baseline
    assert [(e.done, e.total) for e in finished if isinstance(e, Finished)] == [(i, 10) for i in range(1, 11)]
    last = finished[-1]
    assert isinstance(last, Finished)
    assert last.best is last.front.select()
    finalising = [e for e in events if isinstance(e, Finalising)]
    assert [e.index for e in finalising] == list(range(1, finalising[0].total + 1))
    assert [e.candidate.trial for e in finalising].count(None) == 2, "the uncompressed model is measured again, too"
    assert events[-1] == Done(run.path, front)


def test_a_finished_run_is_not_searched_again(search_in: SearchIn) -> None:
    _, front = search_in(SyntheticEvaluator(), trials=10)
    events: list[Event] = []
    again = SyntheticEvaluator()
    run, same = search_in(again, trials=10, on_event=events.append)
    assert same == front
    assert events == [Done(run.path, front)]
    assert not again.evaluated


def test_a_finished_run_goes_on_with_more_trials(search_in: SearchIn) -> None:
    search_in(SyntheticEvaluator(), trials=10)
    more = SyntheticEvaluator()
    run, _ = search_in(more, trials=16)
    straight, _ = search_in(SyntheticEvaluator(), "straight", trials=16)
    assert len(more.evaluated) >= 6
    assert [r.policy for r in run.trials] == [r.policy for r in straight.trials]
    assert [c.policy for c in run.front] == [c.policy for c in straight.front]


def test_a_study_that_was_lost_is_told_again_from_the_trials(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(), trials=10, sampler="nsga2")
    for leftover in run.path.glob("study.db*"):
        leftover.unlink()
    more = SyntheticEvaluator()
    search_in(more, trials=12, sampler="nsga2")
    assert not set(more.evaluated[:2]) & {r.policy for r in run.trials[:10]}
    assert len(run.trials) == 12


def test_the_study_may_be_in_another_storage_but_not_be_another_runs(search_in: SearchIn, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    run, _ = search_in(SyntheticEvaluator(), str(tmp_path / "here" / "run"), trials=4, storage=url)
    assert len(optuna.load_study(study_name="run", storage=url).get_trials()) == 4
    assert not (run.path / "study.db").exists()
    with pytest.raises(ConfigError, match="of another run"):
        search_in(SyntheticEvaluator(), str(tmp_path / "there" / "run"), trials=4, storage=url)


def test_a_number_that_is_not_finite_makes_a_trial_fail(search_in: SearchIn) -> None:
    class Nan(SyntheticEvaluator):
        def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
            candidate = super().evaluate(policy, artifact, rivals)
            if "quantize/block0.conv1" in policy:
                Measurement.exact(float("nan"), "x")
            return candidate

    run, _ = search_in(Nan(), trials=12, raise_errors=False)
    assert run.counts["failed"] > 0


def test_artefacts_are_all_kept_where_asked(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=15, keep_artifacts="all")
    complete = {r.policy.digest for r in run.trials if r.outcome is Outcome.COMPLETE}
    assert {p.stem for p in (run.path / "artifacts").iterdir()} == complete | {"baseline"}


def test_artefacts_off_the_front_are_kept_while_they_fit_and_the_latest_first(
    search_in: SearchIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything, _ = search_in(SyntheticEvaluator(blocks=3), "everything", trials=15)
    complete = [r.policy.digest for r in everything.trials if r.outcome is Outcome.COMPLETE]
    artifacts = everything.path / "artifacts"
    assert {p.stem for p in artifacts.iterdir()} == {*complete, "baseline"}
    members = {member.policy.digest for member in everything.front}
    others = [digest for digest in complete if digest not in members]
    size = everything.artifact(others[0]).stat().st_size

    monkeypatch.setattr(kept_artifacts, "KEPT_BYTES", 2.5 * size)
    some, _ = search_in(SyntheticEvaluator(blocks=3), "some", trials=15)
    kept = {p.stem for p in (some.path / "artifacts").iterdir()}
    assert kept == {*members, "baseline", *others[-2:]}


def test_a_lost_artefact_of_the_front_is_made_again(search_in: SearchIn) -> None:
    class ForgetfulEvaluator(SyntheticEvaluator):
        def finalise(self, candidate: Candidate) -> Candidate:
            assert candidate.artifact is not None
            assert candidate.artifact.is_file()
            return super().finalise(candidate)

    def lose(event: Event) -> None:
        if isinstance(event, Finalising) and event.candidate.trial is not None and event.candidate.artifact:
            event.candidate.artifact.unlink()

    _, front = search_in(ForgetfulEvaluator(blocks=3), trials=10, on_event=lose)
    assert all(c.artifact is not None and c.artifact.is_file() for c in front)


def test_an_interrupted_search_is_gone_on_with(search_in: SearchIn) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Finished) and event.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_in(SyntheticEvaluator(), trials=14, on_event=interrupt)
    run, _ = search_in(SyntheticEvaluator(), trials=14)
    straight, _ = search_in(SyntheticEvaluator(), "straight", trials=14)
    assert [r.policy for r in run.trials] == [r.policy for r in straight.trials]
    assert "interrupted after 7 trials" in (run.path / "log.txt").read_text()


def test_search_takes_a_run_that_was_created_apart(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "demo", {"search": {"trials": 3, "sampler": "random"}})
    assert len(search(run, SyntheticEvaluator())) > 0


def test_uniform_policies_of_the_tiny_space_are_few() -> None:
    assert len({p.digest for p in uniform_policies(tiny().space)}) == 5


class StoppingEvaluator(SyntheticEvaluator):
    """Says of every candidate that it was stopped, and keeps the fronts that it was handed."""

    fronts: ClassVar[list[Front]] = []

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        candidate = super().evaluate(policy, artifact, rivals)
        if rivals is None:
            return candidate
        self.fronts.append(rivals)
        return replace(candidate, notes=(f"{STOPPED}: as the test wants it",))


def test_the_evaluator_is_handed_the_front_of_the_trials_before(search_in: SearchIn) -> None:
    evaluator = StoppingEvaluator(blocks=3)
    evaluator.fronts.clear()
    run, _ = search_in(evaluator, trials=10, budget=["latency <= 0.9x"])
    complete = {record.number: record.candidate for record in run.trials}
    for record, front in zip((r for r in run.trials if r.outcome is Outcome.COMPLETE), evaluator.fronts, strict=True):
        before = [c for number, c in complete.items() if number < record.number and c is not None]
        settings = run.settings
        expected = Front.of(before, settings.objectives, run.search_baseline, settings.budgets)
        assert [c.trial for c in front] == [c.trial for c in expected]
        assert (front.objectives, front.budgets, front.baseline) == (
            settings.objectives,
            settings.budgets,
            run.search_baseline,
        )


def test_a_stopped_candidate_that_is_on_the_front_all_the_same_is_measured_in_full_at_the_end(
    search_in: SearchIn,
) -> None:
    evaluator = StoppingEvaluator(blocks=3)
    run, front = search_in(evaluator, trials=20)
    stopped = {r.number for r in run.trials if r.candidate is not None and r.candidate.stopped_early}
    again = [c for c in run.finalised.values() if c.trial in stopped]
    assert again
    for candidate in again:
        assert not candidate.stopped_early
        assert evaluator.evaluated.count(candidate.policy) == 2
    assert not any(c.stopped_early for c in front)


def test_a_finished_run_that_goes_on_keeps_its_front_until_there_is_a_better_one(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=3), trials=8)
    before = (run.path / "front.json").read_bytes()
    seen: list[tuple[bool, bool]] = []

    def look(event: Event) -> None:
        if isinstance(event, Finished | Finalising):
            seen.append(((run.path / "front.json").read_bytes() == before, run.finished))

    again, front = search_in(SyntheticEvaluator(blocks=3), trials=12, on_event=look)
    assert set(seen) == {(True, False)}, "unfinished, with its former front"
    assert again.finished
    assert [c.trial for c in again.front] == [c.trial for c in front]


def test_a_dashboard_finds_the_study_by_the_runs_name_and_every_trial_in_words(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=3), trials=8)
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{run.path / 'study.db'}")
    assert study.metric_names == ["accuracy", "latency"]
    told = {trial.number: trial.user_attrs for trial in study.get_trials()}
    for record in run.trials:
        if record.candidate is not None:
            attributes = told[record.number]
            assert attributes["size_bytes"] == record.candidate.metrics["size_bytes"].value
            assert attributes["artifact"] == f"artifacts/{record.policy.digest}.onnx"
            assert attributes["done"]
            assert "latency_ms" in attributes
    for member in front:
        assert member.trial is not None
        assert told[member.trial]["test_accuracy"] == member.metrics["test_accuracy"].value
        assert told[member.trial]["front"] is True
