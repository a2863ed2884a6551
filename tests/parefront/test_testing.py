"""The conformance suites find out what does not conform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
import optuna
import pytest
import torch
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from torch import Tensor, fx, nn

from parefront.compressors.base import Compressor
from parefront.compressors.context import Context
from parefront.compressors.plan import Plan
from parefront.compressors.repair.repair import Repair
from parefront.compressors.stage import Stage
from parefront.evaluators.quality.parity import ParityError
from parefront.search.samplers.context import SamplerContext
from parefront.spaces.errors import Infeasible
from parefront.spaces.knob import Choice, Knob
from parefront.spaces.network.emission import Builder, Emittable
from parefront.spaces.network.graph import ModelGraph
from parefront.testing.compressors import CompressorConformance
from parefront.testing.networks import NETWORKS, random_images
from parefront.testing.repairs import RepairConformance
from parefront.testing.samplers import SamplerConformance
from parefront.testing.specimen import specimen

SUITE = CompressorConformance()
Apply = Callable[[fx.GraphModule], None]


class Broken(Compressor):
    """Does to the head of ``plain`` what a test wants."""

    name: ClassVar[str] = "broken"
    stage: ClassVar[Stage] = Stage.SPARSIFY

    def __init__(self, change: Apply, choices: tuple[Choice, ...] = (0, 1), position: int = 3) -> None:
        super().__init__()
        self.change, self.choices, self.position = change, choices, position

    def plan(self, graph: ModelGraph) -> Plan:
        knob = Knob(self.name, "9", self.choices, self.choices[0], frozenset({"9"}), self.position)
        return Plan(self.name, self.stage, [knob], self.carry_out)

    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        self.change(net)
        return net


def scale(net: fx.GraphModule, factor: float = 0.5) -> None:
    net.get_parameter("9.weight").data *= factor


class InPlace(Broken):
    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        scale(context.teacher, 2)
        return super().carry_out(net, choices, context)


class Remembering(Broken):
    """Keeps what it found out about a network on itself, as a method with two calls would."""

    def plan(self, graph: ModelGraph) -> Plan:
        self.heads = [layer.name for layer in graph.layers if layer.kind == "linear"]
        return super().plan(graph)

    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        scale(net, float(self.heads[0]))
        return net


class Counting(Broken):
    """Keeps a list that makes no difference."""

    seen: ClassVar[list[str]] = []

    def carry_out(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        self.seen.append("once more")
        return super().carry_out(net, choices, context)


class Liar(Emittable):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        return out

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        weight = builder.constant("weight", np.ones((10, 32), np.float32))
        return builder.node("Gemm", [inputs[0], weight], {"transB": 1})


def test_a_method_that_conforms_passes(tmp_path: Path) -> None:
    good = Broken(scale)
    SUITE.test_knobs_are_well_formed("plain", good)
    SUITE.test_each_knob_at_its_strongest_is_carried_out("plain", good, tmp_path)
    SUITE.test_equal_policies_give_equal_bytes("plain", good, tmp_path)


def test_a_method_that_keeps_what_it_found_of_a_network_is_found_out(tmp_path: Path) -> None:
    SUITE.test_nothing_is_kept_between_calls("plain", Broken(scale), tmp_path)
    with pytest.raises(AssertionError, match="a plan depends on those made after it"):
        SUITE.test_nothing_is_kept_between_calls("plain", Remembering(scale), tmp_path)
    with pytest.raises(AssertionError, match="broken keeps seen between calls"):
        SUITE.test_nothing_is_kept_between_calls("plain", Counting(scale), tmp_path)


def test_a_knob_in_the_wrong_place_is_found_out() -> None:
    with pytest.raises(AssertionError):
        SUITE.test_knobs_are_well_formed("plain", Broken(scale, position=0))


def test_a_knob_without_a_choice_is_found_out() -> None:
    with pytest.raises(AssertionError, match="leaves nothing to choose"):
        SUITE.test_knobs_are_well_formed("plain", Broken(scale, choices=(0,)))


def test_a_change_without_effect_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="broken/9 has no effect"):
        SUITE.test_each_knob_at_its_strongest_is_carried_out("plain", Broken(lambda net: None), tmp_path)


def test_a_change_of_the_given_network_is_found_out(tmp_path: Path) -> None:
    weight = specimen("plain").net.get_parameter("9.weight")
    before = weight.detach().clone()
    with pytest.raises(AssertionError, match=r"tensors of the given network were changed: 9\.weight"):
        SUITE.test_all_knobs_at_their_strongest_are_carried_out("plain", InPlace(scale), tmp_path)
    weight.data.copy_(before)


def test_chance_is_found_out(tmp_path: Path) -> None:
    def noisy(net: fx.GraphModule) -> None:
        net.get_parameter("9.weight").data.add_(torch.randn(10, 32) * 1e-3)

    with pytest.raises(AssertionError, match="it draws by chance"):
        SUITE.test_nothing_is_kept_between_calls("plain", Broken(noisy), tmp_path)
    sampled = Broken(noisy, choices=(0, 1, 2, 3))
    with pytest.raises(AssertionError):
        SUITE.test_equal_policies_give_equal_bytes("plain", sampled, tmp_path)


def test_another_shape_is_found_out(tmp_path: Path) -> None:
    def fewer(net: fx.GraphModule) -> None:
        net.set_submodule("9", nn.Linear(32, 9))

    with pytest.raises(Infeasible, match="changed the output's shape"):
        SUITE.test_each_knob_at_its_strongest_is_carried_out("plain", Broken(fewer), tmp_path)


def test_a_module_that_writes_something_else_is_found_out(tmp_path: Path) -> None:
    def lie(net: fx.GraphModule) -> None:
        net.set_submodule("9", Liar(net.get_submodule("9")))

    with pytest.raises(ParityError):
        SUITE.test_each_knob_at_its_strongest_is_carried_out("plain", Broken(lie), tmp_path)


def test_nothing_to_do_is_skipped_on_one_network_and_found_out_on_all(tmp_path: Path) -> None:
    class Idle(Broken):
        def plan(self, graph: ModelGraph) -> Plan:
            return Plan(self.name, self.stage, [], self.carry_out)

    with pytest.raises(pytest.skip.Exception, match="broken has nothing to do on plain"):
        SUITE.test_random_policies_are_carried_out("plain", Idle(scale), tmp_path)
    with pytest.raises(AssertionError):
        SUITE.test_some_network_has_knobs(Idle(scale))


class Forgetful(Repair):
    """Scales by how often it was called."""

    name = "forgetful"
    calls = 0

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        self.calls += 1
        scale(net, self.calls)


def test_a_repair_that_keeps_state_is_found_out(tmp_path: Path) -> None:
    suite = RepairConformance()
    with pytest.raises(AssertionError, match="forgetful keeps calls between calls"):
        suite.test_nothing_is_kept_between_calls("plain", Forgetful())
    with pytest.raises(AssertionError):
        suite.test_equal_networks_are_repaired_equally("plain", Forgetful(), tmp_path)


def test_a_sampler_with_a_generator_of_its_own_is_found_out() -> None:
    def unseeded(context: SamplerContext) -> BaseSampler:
        return optuna.samplers.RandomSampler()

    SamplerConformance().test_it_suggests_what_the_knobs_offer(unseeded)
    with pytest.raises(AssertionError):
        SamplerConformance().test_seed_and_history_decide(unseeded)


def test_a_sampler_that_needs_a_success_is_found_out() -> None:
    class Greedy(optuna.samplers.RandomSampler):
        def sample_relative(
            self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            if trial.number > 3:
                assert study.best_trials, "no trial is complete"
            return {}

    with pytest.raises(AssertionError, match="no trial is complete"):
        SamplerConformance().test_trials_that_fail_do_not_stop_it(lambda context: Greedy(seed=context.seed))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_networks_are_the_same_in_every_process(network: str) -> None:
    (first, shape), (second, _) = NETWORKS[network](), NETWORKS[network]()
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert not first.training
    x = random_images(64, seed=3)
    assert x.shape[1:] == shape
    with torch.no_grad():
        assert first(x).argmax(1).unique().numel() >= 8, "outputs depend on the images"
