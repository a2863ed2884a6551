"""The real evaluator on a tiny task: from a policy to a measured artefact, and on to the test split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.weights import weights_of, write_weights
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial import evaluate
from parefront.evaluators.trial.builder import _pair, target_of
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.spaces.errors import ConfigError, Infeasible, TaskError
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.spaces.tensors.batch import alone
from parefront.testing.networks import plain, random_images, residual

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
SCORES = {"accuracy", "latency_ms", "latency_ratio", "load_ms", "size_bytes", "macs", "params"}
SCORES |= {"p50_ms", "p95_ms", "p99_ms"}
MAYBE = {"energy_mj", "clock_mhz"}
"""Where the machine has counters, and tells its clock."""
STEPS = {"wait", "apply", "apply_forward", "emit", "count", "session", "parity", "accuracy", "latency", "total"}


def split(count: int, seed: int) -> TensorDataset:
    """Random images with the classes that the network gives them, but for every tenth."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, 16, 16, generator=generator)
    with torch.no_grad():
        classes = plain()[0](images).argmax(1)
    return TensorDataset(images, torch.where(torch.arange(count) % 10 == 0, (classes + 1) % 10, classes))


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(plain()[0], split(64, 1), split(200, 2), split(300, 3))


@pytest.fixture(scope="module")
def phases() -> list[str]:
    return []


SCALED = '''
from torch import nn
from parefront.compressors import Compressor, Plan, Stage
from parefront.spaces import Knob

class Doubled(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) * 2

class Scaled(Compressor):
    """Leaves a module behind that no emitter knows."""

    name = "scaled"
    stage = Stage.FACTORISE

    def plan(self, graph):
        knobs = [Knob(self.name, "9", (False, True), False, frozenset({"9"}), 3)]
        return Plan(self.name, self.stage, knobs, double)

def double(net, choices, context):
    net.set_submodule("9", Doubled(net.get_submodule("9")))
    return net
'''


@pytest.fixture(scope="module")
def foreign_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An installed package that registers the method ``scaled``."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "tests_scaled_compressor.py").write_text(SCALED)
    info = folder / "scaled-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scaled\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[parefront.compressors]\nscaled = tests_scaled_compressor:Scaled\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


@pytest.fixture(scope="module")
def evaluator(task: Task, phases: list[str], foreign_package: None) -> Iterator[TaskEvaluator]:
    methods: dict[str, dict[str, Any]] = {"quantize": {}, "prune_channels": {"round_to": 8}, "scaled": {}}
    made = TaskEvaluator(task, methods, DeviceOptions(), images=100, latency=QUICK, on_phase=phases.append)
    yield made
    made.close()


@pytest.fixture(scope="module")
def baseline(evaluator: TaskEvaluator, tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "MEMORY_REPEATS", 3)
        return evaluator.baseline(tmp_path_factory.mktemp("run") / "artifacts")


def test_the_baseline_is_the_uncompressed_model_timed_against_itself(
    evaluator: TaskEvaluator, baseline: Candidate
) -> None:
    assert baseline.metrics.keys() - MAYBE == SCORES | {"memory_bytes"}
    assert baseline.policy == Policy()
    assert baseline.metrics["memory_bytes"].n == 3
    assert baseline.metrics["accuracy"].n == 100
    assert baseline.metrics["accuracy"].value == pytest.approx(0.9, abs=0.08)
    assert baseline.metrics["macs"].value == evaluator.traced.graph.macs
    assert 0.5 < baseline.metrics["latency_ratio"].value < 2
    assert baseline.artifact is not None
    assert baseline.artifact.name == "baseline.onnx"


@pytest.mark.usefixtures("baseline")
def test_a_policy_becomes_a_measured_artefact(evaluator: TaskEvaluator, baseline: Candidate, tmp_path: Path) -> None:
    policy = evaluator.space.uniform({"quantize": 8, "prune_channels": 0.5})
    candidate = evaluator.evaluate(policy, tmp_path / "candidate.onnx")
    assert candidate.metrics.keys() - MAYBE == SCORES | {"accuracy_change", "divergence"}
    assert candidate.policy == policy
    assert candidate.artifact == tmp_path / "candidate.onnx"
    content = candidate.artifact.read_bytes()
    assert candidate.sha256 == hashlib.sha256(content).hexdigest()
    assert candidate.metrics["size_bytes"].value == len(content)
    assert candidate.metrics["macs"].value < 0.5 * baseline.metrics["macs"].value
    assert candidate.metrics["size_bytes"].value < 0.5 * baseline.metrics["size_bytes"].value
    change = candidate.metrics["accuracy_change"].value
    assert change == pytest.approx(candidate.metrics["accuracy"].value - baseline.metrics["accuracy"].value)
    assert candidate.notes == ()
    onnx.checker.check_model(str(candidate.artifact))


@pytest.mark.usefixtures("baseline")
def test_all_the_time_of_a_candidate_is_accounted_for(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    timings = evaluator.evaluate(Policy({"quantize/5.0": 8}), tmp_path / "candidate.onnx").timings
    assert timings.keys() == STEPS
    steps = sum(seconds for step, seconds in timings.items() if step != "total")
    assert 0 < steps <= timings["total"]
    assert all(seconds >= 0 for seconds in timings.values())


def rivals(baseline: Candidate, **metrics: Measurement) -> Front:
    """A front of one: the uncompressed model with other metrics."""
    rival = replace(baseline, metrics={**baseline.metrics, **metrics}, trial=7)
    return Front.of([rival], ("accuracy", "latency"), baseline, [Budget.parse("params <= 0.9x")])


def test_a_dominated_candidate_is_stopped_and_says_so(
    evaluator: TaskEvaluator, baseline: Candidate, tmp_path: Path
) -> None:
    policy = evaluator.space.uniform({"prune_channels": 0.75})
    best = {"accuracy_change": Measurement.exact(1.0, "fraction"), "latency_ratio": Measurement.exact(1e-3, "x")}
    few = {"params": Measurement.exact(1, "count")}
    stopped = evaluator.evaluate(policy, tmp_path / "candidate.onnx", rivals(baseline, **best, **few))
    assert stopped.stopped_early
    assert stopped.notes == ("stopped early: after 100 of 100 images, dominated by trial 7",)
    assert stopped.metrics.keys() - MAYBE == SCORES | {"accuracy_change", "divergence"}
    assert stopped.timings.keys() == STEPS
    in_full = evaluator.evaluate(policy, tmp_path / "candidate.onnx")
    assert not in_full.stopped_early
    undominated = rivals(baseline, accuracy_change=Measurement.exact(-0.9, "fraction"), **few)
    assert not evaluator.evaluate(policy, tmp_path / "candidate.onnx", undominated).stopped_early


def test_beyond_a_counted_budget_nothing_is_run_once_something_fits(
    evaluator: TaskEvaluator, baseline: Candidate, tmp_path: Path
) -> None:
    policy = Policy({"quantize/2.0": 8})
    with pytest.raises(Infeasible, match=r"params 1.000x \(needs 0.9x\)"):
        evaluator.evaluate(policy, tmp_path / "a.onnx", rivals(baseline, params=Measurement.exact(1, "count")))
    assert evaluator.evaluate(policy, tmp_path / "b.onnx", rivals(baseline)).metrics["params"].value > 0


@pytest.mark.usefixtures("baseline")
def test_the_same_policy_gives_the_same_artefact_and_the_same_accuracy(
    evaluator: TaskEvaluator, tmp_path: Path
) -> None:
    policy = Policy({"prune_channels/2.0": 0.5, "quantize/2.0": 8})
    first, second = (evaluator.evaluate(policy, tmp_path / f"{i}.onnx") for i in range(2))
    assert first.sha256 == second.sha256
    assert first.metrics["accuracy"] == second.metrics["accuracy"]


@pytest.mark.usefixtures("baseline")
def test_what_layers_take_is_profiled_on_the_device(evaluator: TaskEvaluator) -> None:
    for base in [Policy(), *evaluator.bases]:
        work = evaluator.probe_work(base, ["latency_ratio", "size_bytes"])
        assert work.keys() == {"latency_ratio"}
        assert work["latency_ratio"].keys() == evaluator.layers.keys()
        assert 0.2 < sum(work["latency_ratio"].values()) <= 1 + 1e-9


@pytest.mark.usefixtures("baseline")
def test_the_final_step_measures_again_and_on_the_test_split(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    candidate = evaluator.evaluate(Policy({"quantize/2.0": 8}), tmp_path / "candidate.onnx")
    final = evaluator.finalise(candidate)
    added = {"test_accuracy", "test_accuracy_change", "test_divergence", "memory_bytes"}
    assert final.metrics.keys() == candidate.metrics.keys() | added
    assert final.metrics["test_accuracy"].n == 300
    assert final.metrics["accuracy"] == candidate.metrics["accuracy"]
    assert final.metrics["memory_bytes"].value > 0
    assert final.timings.keys() == STEPS | {"test_accuracy", "final_latency", "memory", "profile"}
    assert final.artifact == candidate.artifact


@pytest.mark.usefixtures("baseline")
def test_the_final_step_profiles_each_layer_before_and_after(evaluator: TaskEvaluator, tmp_path: Path) -> None:
    profile = evaluator.finalise(evaluator.evaluate(Policy({"quantize/2.0": 8}), tmp_path / "candidate.onnx")).profile
    assert profile is not None
    assert [layer.name for layer in profile.layers] == list(evaluator.layers)
    assert all(layer.us > 0 and layer.before_us > 0 for layer in profile.layers)
    assert sum(layer.us for layer in profile.layers) <= profile.us
    assert sum(layer.before_us for layer in profile.layers) <= profile.before_us
    assert all(finding.us >= 0.005 * profile.us for finding in profile.findings)


def test_int8_is_timed_against_int8_and_related_to_the_uncompressed_model(
    evaluator: TaskEvaluator, baseline: Candidate, tmp_path: Path
) -> None:
    assert baseline.artifact is not None
    known = json.loads(baseline.artifact.with_name("anchors.json").read_text())
    everything = evaluator.space.uniform({"quantize": 8})
    anchor = known[everything.digest]["value"]
    ratio = evaluator.evaluate(everything, tmp_path / "candidate.onnx").metrics["latency_ratio"].value
    assert 0.5 * anchor < ratio < 2 * anchor
    assert baseline.artifact.with_name(f"anchor-{everything.digest}.onnx").is_file()


def test_what_goes_on_at_the_start_is_told(evaluator: TaskEvaluator, baseline: Candidate, phases: list[str]) -> None:
    assert phases[0] == "starting the device"
    assert phases[-3:-1] == ["scoring the uncompressed model", "measuring the uncompressed model"]
    assert phases[-1].startswith("measuring the quantised model")
    assert any("tracing" in phase for phase in phases)


@pytest.mark.usefixtures("baseline")
@pytest.mark.parametrize("lost", [False, True], ids=["another file", "no file"])
def test_what_candidates_are_timed_against_is_made_anew_where_it_is_another_file(
    evaluator: TaskEvaluator, lost: bool, tmp_path: Path
) -> None:
    candidate = evaluator.evaluate(Policy({"quantize/2.0": 8}), tmp_path / "candidate.onnx")
    assert candidate.artifact is not None
    anchors = evaluator.clock.main.anchors
    for path in (anchors.uncompressed, anchors.nearest(evaluator.bases[0]).artifact):
        before = path.read_bytes()
        path.unlink()
        if not lost:
            path.write_bytes(candidate.artifact.read_bytes())
        evaluator.finalise(candidate)
        assert path.read_bytes() == before


def test_the_environment_is_plain_values(evaluator: TaskEvaluator) -> None:
    environment = json.loads(json.dumps(evaluator.environment))
    assert torch.__version__.startswith(environment["versions"]["torch"])
    assert environment["model"]["layers"] == 4
    assert environment["model"]["knobs"] == len(evaluator.space)
    assert len(environment["model_sha256"]) == 64
    assert DeviceProfile.from_json(environment["device"]).cores >= 1


def test_a_model_of_one_layer_has_nothing_to_prune_and_hears_why(task: Task) -> None:
    head = nn.Sequential(nn.Flatten(), nn.Linear(768, 10))
    with pytest.raises(TaskError, match=r"with prune_channels \(1: its output channels are the model's outputs\)"):
        TaskEvaluator(replace(task, model=head), {"prune_channels": {}}, DeviceOptions(), latency=QUICK)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc for the children of this process")
def test_a_start_that_fails_leaves_no_worker_behind(task: Task) -> None:
    def children() -> set[str]:
        return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}

    before = children()
    head = nn.Sequential(nn.Flatten(), nn.Linear(768, 10))
    with pytest.raises(TaskError, match="nothing to compress"):
        TaskEvaluator(replace(task, model=head), {"prune_channels": {}}, DeviceOptions(), latency=QUICK)
    assert children() <= before


def test_an_unknown_method_is_refused_before_anything_is_traced(task: Task) -> None:
    with pytest.raises(ConfigError, match="did you mean 'quantize'"):
        TaskEvaluator(task, {"quantise": {}}, DeviceOptions(), latency=QUICK)


@pytest.mark.usefixtures("baseline")
def test_a_method_that_leaves_an_unknown_module_is_exported_in_full_and_noted(
    evaluator: TaskEvaluator, tmp_path: Path
) -> None:
    candidate = evaluator.evaluate(Policy({"scaled/9": True}), tmp_path / "candidate.onnx")
    assert candidate.notes == ("emitted by full export",)
    assert candidate.metrics["accuracy_change"].value == 0, "twice the logits have the same greatest one"


@pytest.mark.parametrize(
    ("machine", "flags", "signed", "full_range", "width"),
    [
        ("x86_64", ("avx2",), False, False, 8),
        ("x86_64", ("avx2", "avx_vnni"), False, True, 8),
        ("x86_64", ("avx512f", "avx512_vnni"), False, True, 16),
        ("aarch64", ("asimd", "asimddp"), True, True, 8),
    ],
)
def test_the_device_decides_how_is_quantised(
    evaluator: TaskEvaluator, machine: str, flags: tuple[str, ...], signed: bool, full_range: bool, width: int
) -> None:
    profile = DeviceProfile.from_json({**evaluator.environment["device"], "machine": machine, "flags": flags})
    target = target_of(profile)
    assert (target.signed_activations, target.full_range_weights, target.vector_width) == (signed, full_range, width)


def test_one_calibration_image_is_enough_to_trace() -> None:
    assert alone(_pair(torch.ones(1, 3))).shape == (2, 3)
    assert alone(_pair(torch.ones(5, 3))).shape == (2, 3)


@pytest.mark.parametrize(("policy", "anew"), [(Policy(), False), (Policy({"early_exit/4.conv2.0": 0.12}), True)])
def test_what_was_trained_is_timed_anew_where_weights_decide_who_leaves(
    policy: Policy, anew: bool, exiting: TaskEvaluator, tmp_path: Path
) -> None:
    before = exiting.evaluate(policy, tmp_path / "before.onnx")
    never = Measurement.exact(1e6, "ms")
    like = replace(before, metrics={**before.metrics, "latency_ms": never})
    structured = exiting.builder.pipeline.structured(exiting.traced.net, policy, exiting.builder.context)
    write_weights(tmp_path / "weights.safetensors", weights_of(structured))
    trained = exiting.evaluate_trained(policy, tmp_path / "weights.safetensors", tmp_path / "after.onnx", like)
    assert trained.metrics["accuracy"].value == before.metrics["accuracy"].value
    assert (trained.metrics["latency_ms"] != never) == anew


@pytest.fixture(scope="module")
def exiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskEvaluator]:
    net, _ = residual()
    images = random_images(64, 1)
    with torch.no_grad():
        data = TensorDataset(images, net(images).argmax(1))
    made = TaskEvaluator(Task(net, data, data, data), {"early_exit": {"places": 2}}, DeviceOptions(), latency=QUICK)
    made.baseline(tmp_path_factory.mktemp("exiting"))
    yield made
    made.close()
