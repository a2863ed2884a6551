"""``candidate.module()``, ``parefront.load`` and ``parefront.parity``: members of a run's front in PyTorch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import parefront as pf
from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.results.measurement import Measurement
from parefront.search.runs.of_trial import candidate_of_trial
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.testing.specimen import specimen

METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4, "ratios": [0.5]}, "quantize": {}}
CONFIG = {"task": "task.py:task", "objectives": ["macs", "size"], "compress": METHODS}
POLICIES: tuple[dict[str, Choice], ...] = (
    {"prune_channels": 0.5},
    {"quantize": 8},
    {"prune_channels": 0.5, "quantize": 8},
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> pf.Run:
    """With three candidates, pruned, in int8 and both, as a search records them."""
    subject = specimen("plain")
    pipeline = Pipeline.of([create(name, options) for name, options in METHODS.items()], subject.graph)
    context = Context(subject.graph, subject.calibration)
    run = pf.Run.create("demo", CONFIG, tmp_path_factory.mktemp("runs"))
    run.write_baseline(_measured(0, Policy(), run.artifact("baseline"), macs=4, size_bytes=4000), 1.0)
    for trial, choices in enumerate(POLICIES):
        policy = pipeline.space.uniform(choices)
        net = pipeline.apply(subject.net, policy, context)
        made = emit(net, run.artifact(policy.digest), subject.calibration.example)
        candidate = _measured(trial, policy, made.path, macs=trial + 1, size_bytes=3000 - trial)
        run.write_record(TrialRecord(trial, policy, Outcome.COMPLETE, replace(candidate, sha256=made.sha256)))
    return run


def _measured(trial: int, policy: Policy, artifact: Path, **costs: float) -> pf.Candidate:
    metrics = {key: Measurement.exact(value, "") for key, value in costs.items()}
    return pf.Candidate(policy, metrics, artifact, "0" * 64, trial=trial)


@pytest.fixture
def inputs() -> torch.Tensor:
    return specimen("plain").images[:16]


def test_every_member_of_the_front_agrees_with_its_file_before_and_after_a_step(
    run: pf.Run, inputs: torch.Tensor, tmp_path: Path
) -> None:
    assert len(run.front) == len(POLICIES)
    for candidate in run.front:
        module = candidate.module()
        assert candidate.artifact is not None
        assert module.to_bytes() == candidate.artifact.read_bytes()
        assert pf.parity(module, candidate.artifact, inputs).int8_steps <= 2
        optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
        torch.autograd.backward(F.cross_entropy(module(inputs), torch.arange(16) % 10))
        optimiser.step()

        trained = module.to_onnx(tmp_path / "trained.onnx")
        assert trained.read_bytes() != candidate.artifact.read_bytes()
        assert pf.parity(module, trained, inputs).int8_steps <= 2


def test_a_module_is_loaded_from_a_run_its_path_or_a_file(run: pf.Run, inputs: torch.Tensor, tmp_path: Path) -> None:
    candidate = run.front[0]
    packed = candidate.export(tmp_path / "small.pfz")
    modules = [candidate.module(), pf.load(run, candidate.trial), pf.load(run.path, candidate.trial)]
    modules += [pf.load(str(candidate.artifact)), pf.load(packed)]

    assert all(torch.equal(module(inputs), modules[0](inputs)) for module in modules)


def test_what_is_to_be_loaded_must_be_said(run: pf.Run, tmp_path: Path) -> None:
    members = ", ".join(str(candidate.trial) for candidate in run.front)
    with pytest.raises(pf.ConfigError, match=f"expected the number of a trial; on its front: {members}$"):
        pf.load(run)
    with pytest.raises(pf.ConfigError, match="has no candidate of trial 999; on its front: "):
        candidate_of_trial(run, 999)
    with pytest.raises(pf.ConfigError, match=r"expected a run to take trial 3 of, got the file .*\.onnx"):
        pf.load(str(run.front[0].artifact), 3)
    with pytest.raises(pf.ParefrontError, match="no run 'nothing'"):
        pf.load("nothing", 3)
    with pytest.raises(pf.ConfigError, match=r"none\.onnx: expected a regular file"):
        pf.load(tmp_path / "none.onnx")


def test_parity_says_where_a_file_is_another_one(run: pf.Run, inputs: torch.Tensor, tmp_path: Path) -> None:
    module = run.front[0].module()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5)
    found = pf.parity(module, run.front[0].artifact, inputs)

    assert found.relative > 0.01
    assert str(found) == (
        f"output: {found.relative:.1e} of the largest, {found.int8_steps:.2g} int8 steps (16 samples)"
    )
    assert pf.parity(module).samples == 4
