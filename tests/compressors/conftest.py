"""A network and its compressors, ready to compress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.base import Compressor
from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.target import Target
from parefront.spaces.knob import Choice
from parefront.spaces.network.channels.groups import find_groups
from parefront.spaces.network.graph import ModelGraph
from parefront.spaces.network.trace import describe
from parefront.spaces.policy import Policy
from parefront.testing.specimen import Specimen, specimen


@dataclass(frozen=True)
class Bench:
    """A network, what describes it, and the methods that are to be tried on it."""

    net: fx.GraphModule
    graph: ModelGraph
    calibration: Calibration
    compressors: list[Compressor]
    target: Target = field(default_factory=Target)

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline.of(self.compressors, self.graph)

    @property
    def context(self) -> Context:
        return Context(self.graph, self.calibration, self.target)

    @property
    def images(self) -> Tensor:
        assert isinstance(self.calibration.inputs, Tensor)
        return self.calibration.inputs

    def apply(self, choices: Mapping[str, Choice] | Policy) -> fx.GraphModule:
        """The network with a policy carried out; whatever its knobs offer, so that any ratio can be asked for."""
        return self.pipeline.apply(self.net, Policy(choices), self.context)

    def uniform(self, **choices: Choice) -> fx.GraphModule:
        """The network with all knobs of each method at one choice."""
        return self.apply(self.pipeline.space.uniform(choices))

    def outputs(self, net: fx.GraphModule, inputs: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            result: Tensor = net(self.calibration.inputs if inputs is None else inputs)
        return result

    def error(self, net: fx.GraphModule) -> float:
        """Root mean square difference to the uncompressed network, relative to its outputs' deviation."""
        whole = self.outputs(self.net)
        return float((self.outputs(net) - whole).square().mean().sqrt() / whole.std())


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench() -> MakeBench:
    """``bench("residual", prune_channels={"round_to": 1})``, or ``bench(net, inputs, …)`` for a hand-made network."""

    def make(net: str | fx.GraphModule, inputs: Tensor | None = None, **options: Mapping[str, Any]) -> Bench:
        subject = specimen(net) if isinstance(net, str) else _described(net, inputs)
        compressors = [create(name, given) for name, given in options.items()]
        return Bench(subject.net, subject.graph, subject.calibration, compressors)

    return make


def _described(net: fx.GraphModule, inputs: Tensor | None) -> Specimen:
    assert inputs is not None
    graph = describe(net, inputs[:2])
    groups, excluded = find_groups(net, graph, inputs[:2])
    return Specimen(net, replace(graph, groups=groups, excluded=excluded), Calibration(net, inputs))
