"""A candidate that its user has trained by a loop of their own takes the place of the one that was searched."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F

import parefront as pf
from parefront.evaluators.restore.module import ArtifactModule
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.views.policy_words import candidate_in_words
from parefront.search.runs.events import Event, Noted, Recovered
from parefront.search.runs.run import Run
from parefront.search.stopping import has_ended
from parefront.spaces.errors import ConfigError, ParefrontError

from .recovering import scored, session, task


@pytest.fixture
def run(path: Path) -> Run:
    return Run.open(path)


def worst(run: Run) -> Candidate:
    return min(run.front, key=lambda candidate: candidate.accuracy)


def trained(candidate: Candidate) -> ArtifactModule:
    """What a user does: a loop of their own over data of their own, with labels."""
    module = candidate.module()
    images, labels = task().train.tensors  # type: ignore[union-attr]
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    for step in range(24):
        rows = slice(64 * (step % 8), 64 * (step % 8) + 64)
        outputs = module(images[rows])
        assert isinstance(outputs, torch.Tensor)
        optimiser.zero_grad()
        torch.autograd.backward(F.cross_entropy(outputs, labels[rows]))
        optimiser.step()
    return module


def test_it_is_scored_and_timed_by_the_same_command_and_shown_in_the_front(run: Run) -> None:
    before, events = worst(run), list[Event]()
    assert before.trial is not None
    module = trained(before)
    run.replace(before.trial, module)
    assert not has_ended(Run.open(run.path))

    after = next(c for c in session(run.path, {}, events).front if c.trial == before.trial)
    assert after.artifact is not None
    assert after.content() == module.to_bytes()
    assert after.accuracy == pytest.approx(scored(after.artifact))
    assert after.accuracy > before.accuracy
    assert "test_accuracy" in after.metrics
    assert after.recovered is not None
    assert after.recovered.given
    assert candidate_in_words(after).endswith(", trained by its user")
    assert [event.after.trial for event in events if isinstance(event, Recovered) and event.after] == [before.trial]
    assert has_ended(Run.open(run.path))
    assert pf.parity(after.module(), after.artifact).relative < 1e-3


def test_a_second_one_takes_the_place_of_the_first_and_is_kept_where_its_artefact_is_lost(run: Run) -> None:
    trial = worst(run).trial
    assert trial is not None
    run.replace(trial, trained(worst(run)))
    first = next(c for c in session(run.path, {}).front if c.trial == trial)
    module = trained(first)
    Run.open(run.path).replace(trial, module)
    assert first.artifact is not None
    assert not first.artifact.exists()
    assert len(list((run.path / "recovered").glob("*.onnx"))) == 1
    second = next(c for c in session(run.path, {}).front if c.trial == trial)
    assert second.artifact is not None
    second.artifact.unlink()
    again = next(c for c in session(run.path, {}, trials=7).front if c.trial == trial)
    assert again.content() == module.to_bytes()


def test_what_has_other_inputs_is_dropped_with_a_line(run: Run) -> None:
    trial, events = worst(run).trial, list[Event]()
    assert trial is not None
    run.replace(trial, trained(worst(run)))
    (kept,) = (run.path / "recovered").glob("*.onnx")
    kept.write_bytes(of_another_network())
    front = session(run.path, {}, events).front
    assert not any(candidate.recovered for candidate in front)
    assert any(isinstance(event, Noted) and "expected input" in event.message for event in events)


def of_another_network() -> bytes:
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 10]) for name in ("other", "output")]
    node = onnx.helper.make_node("Relu", ["other"], ["output"])
    graph = onnx.helper.make_graph([node], "other", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 20)])
    content: bytes = model.SerializeToString()
    return content


def test_what_was_not_trained_or_is_of_another_file_is_refused(run: Run) -> None:
    first, second = sorted(run.front, key=lambda candidate: candidate.accuracy)[:2]
    assert first.trial is not None
    with pytest.raises(ConfigError, match="train it first"):
        run.replace(first.trial, first.module())
    with pytest.raises(ConfigError, match=f"another file than trial {first.trial}'s"):
        run.replace(first.trial, second.module())
    with pytest.raises(ConfigError, match="has no candidate of trial 99"):
        run.replace(99, first.module())
    with pytest.raises(ConfigError, match=r"expected what candidate\.module\(\) gives, got Flatten"):
        run.replace(first.trial, torch.nn.Flatten())  # type: ignore[arg-type]
    module = first.module()
    with torch.no_grad():
        next(module.parameters()).fill_(float("nan"))
    with pytest.raises(ParefrontError, match="is not finite"):
        run.replace(first.trial, module)
    assert has_ended(run)
