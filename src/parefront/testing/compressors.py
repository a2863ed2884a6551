"""What every compression method owes, as a test suite: subclass it, give one fixture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx

from ..compressors.base import Compressor
from ..compressors.context import Context
from ..compressors.pipeline import Pipeline
from ..compressors.plan import Plan, weights
from ..evaluators.quality.accuracy import open_session
from ..evaluators.quality.parity import check_parity
from ..spaces.errors import Infeasible
from ..spaces.knob import Knob
from ..spaces.network.emit import Artifact, emit
from ..spaces.policy import Policy
from ..spaces.space import SearchSpace
from .networks import NETWORKS, OverNetworks
from .specimen import Specimen, specimen
from .state import assert_nothing_kept, state_of


class CompressorConformance(OverNetworks):
    """The suite for a :class:`~parefront.compressors.Compressor`, run on four small networks.

    ::

        class TestMine(CompressorConformance):
            @pytest.fixture
            def compressor(self) -> Compressor:
                return Mine()

    A method that has nothing to do on one of the networks offers no knobs there, and the test is skipped.

    Attributes:
        networks: names in ``NETWORKS``; a subclass may leave some out.
    """

    def test_some_network_has_knobs(self, compressor: Compressor) -> None:
        assert any(compressor.plan(specimen(network).graph).knobs for network in self.networks)

    def test_knobs_are_well_formed(self, network: str, compressor: Compressor) -> None:
        graph = specimen(network).graph
        plan = compressor.plan(graph)
        knobs = plan.knobs
        assert isinstance(plan, Plan)
        assert (plan.method, plan.stage) == (compressor.name, compressor.stage)
        assert len({knob.name for knob in knobs}) == len(knobs), "two knobs with one name"
        for knob in knobs:
            assert knob.compressor == compressor.name
            assert len(knob.choices) > 1, f"{knob.name} leaves nothing to choose"
            assert knob.neutral in knob.choices
            assert tuple(json.loads(json.dumps(knob.choices))) == knob.choices, "choices are written as JSON"
            assert knob.layers <= graph.by_name.keys()
            if knob.layers:
                assert knob.position == min(graph.by_name[layer].position for layer in knob.layers)
        positions = [knob.position for knob in Pipeline.of([compressor], graph).space]
        assert positions == sorted(positions)

    def test_nothing_is_kept_between_calls(self, network: str, compressor: Compressor, tmp_path: Path) -> None:
        """What is found out about a network is in its plan, not in the compressor: one can serve many networks."""
        subject, space = specimen(network), _space(compressor, network)
        example = subject.calibration.example
        policy, held = _strongest(space), state_of(compressor)
        alone = emit(_feasible(compressor, subject, policy), tmp_path / "x.onnx", example)
        plan = Pipeline.of([compressor], subject.graph)
        for other in NETWORKS:
            if other != network:
                compressor.plan(specimen(other).graph)
        net = plan.apply(subject.net, policy, _context(subject, compressor))
        again = emit(net, tmp_path / "x.onnx", example)
        assert again.sha256 == alone.sha256, "it draws by chance, or a plan depends on those made after it"
        assert_nothing_kept(compressor, held)

    def test_no_choices_give_an_equal_network(self, network: str, compressor: Compressor, tmp_path: Path) -> None:
        subject = specimen(network)
        same = _compressed(compressor, subject, Policy())
        images = subject.calibration.example
        with torch.no_grad():
            assert torch.equal(same(images), subject.net(images))
        first, second = (emit(net, tmp_path / "x.onnx", images) for net in (subject.net, same))
        assert first.sha256 == second.sha256

    def test_each_knob_at_its_strongest_is_carried_out(
        self, network: str, compressor: Compressor, tmp_path: Path
    ) -> None:
        subject, space = specimen(network), _space(compressor, network)
        unchanged = emit(subject.net, tmp_path / "unchanged.onnx", subject.calibration.example)
        for knob in space:
            policy = space.decode({knob.name: _strongest_choice(knob)})
            net = _compressed(compressor, subject, policy)
            artifact = _check(compressor, subject, net, tmp_path)
            assert artifact.sha256 != unchanged.sha256, f"{knob.name} has no effect"

    def test_all_knobs_at_their_strongest_are_carried_out(
        self, network: str, compressor: Compressor, tmp_path: Path
    ) -> None:
        subject, space = specimen(network), _space(compressor, network)
        _check(compressor, subject, _feasible(compressor, subject, _strongest(space)), tmp_path)

    def test_random_policies_are_carried_out(self, network: str, compressor: Compressor, tmp_path: Path) -> None:
        subject, space = specimen(network), _space(compressor, network)
        generator = np.random.default_rng(0)
        for _ in range(3):
            _check(compressor, subject, _feasible(compressor, subject, space.sample(generator)), tmp_path)

    def test_equal_policies_give_equal_bytes(self, network: str, compressor: Compressor, tmp_path: Path) -> None:
        """Of a policy drawn at random; the strongest one is built twice by the test that nothing is kept."""
        subject, space = specimen(network), _space(compressor, network)
        policy = space.sample(np.random.default_rng(1))
        nets = [_feasible(compressor, subject, policy) for _ in range(2)]
        first, second = (emit(net, tmp_path / "x.onnx", subject.calibration.example) for net in nets)
        assert first.sha256 == second.sha256


def _space(compressor: Compressor, network: str) -> SearchSpace:
    space = Pipeline.of([compressor], specimen(network).graph).space
    if not len(space):
        _skip(f"{compressor.name} has nothing to do on {network}")
    return space


def _strongest_choice(knob: Knob) -> Any:
    """The last choice, as the mildest come first; or the first where the last is to leave things as they are."""
    return knob.choices[-1] if knob.choices[-1] != knob.neutral else knob.choices[0]


def _strongest(space: SearchSpace) -> Policy:
    return space.decode({knob.name: _strongest_choice(knob) for knob in space})


def _context(subject: Specimen, compressor: Compressor) -> Context:
    return Context(subject.graph, subject.calibration, compressor.target)


def _compressed(compressor: Compressor, subject: Specimen, policy: Policy) -> fx.GraphModule:
    """The compressed network; the one that is given has to be as it was, so that the next candidate begins with it."""
    graph, before = str(subject.net.graph), {name: value.clone() for name, value in subject.net.state_dict().items()}
    net = Pipeline.of([compressor], subject.graph).apply(subject.net, policy, _context(subject, compressor))
    after = subject.net.state_dict()
    assert str(subject.net.graph) == graph, "the graph of the given network was changed"
    assert after.keys() == before.keys()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert not changed, f"tensors of the given network were changed: {', '.join(changed)}"
    return net


def _feasible(compressor: Compressor, subject: Specimen, policy: Policy) -> fx.GraphModule:
    """The compressed network; a method may refuse a policy of many choices, not one of a single choice."""
    try:
        return _compressed(compressor, subject, policy)
    except Infeasible as refusal:
        _skip(f"infeasible: {refusal}")
        raise


def _check(compressor: Compressor, subject: Specimen, net: fx.GraphModule, folder: Path) -> Artifact:
    """Shape, finiteness and size of a compressed network, and its artefact: loaded, and right on 1 and on 5 images."""
    images = subject.calibration.inputs[:5]
    with torch.no_grad():
        expected, outputs = subject.net(images), net(images)
    assert outputs.shape == expected.shape
    assert bool(torch.isfinite(outputs).all())
    assert compressor.plan(subject.graph).grows or weights(net) <= weights(subject.net)
    artifact = emit(net, folder / "candidate.onnx", images)
    session = open_session(artifact.path, threads=1)
    for batch in (1, 5):
        check_parity(session, net, images[:batch])
    return artifact


def _skip(reason: str) -> None:
    import pytest

    skip: Callable[[str], None] = pytest.skip
    skip(reason)
