"""A candidate that begins as an earlier one did gets the same weights and ranges, and that much is not run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn.modules.module import register_module_forward_hook

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics import calibration as module
from parefront.compressors.statistics.calibration import Calibration
from parefront.spaces.knob import Choice
from parefront.spaces.network.hooks import watching
from parefront.spaces.policy import Policy
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import Specimen, specimen

HALF: Choice = 0.5


class Subject:
    """A network with three methods, and what is kept of the candidates so far."""

    def __init__(self, of: Specimen, compensate: str = "least_squares") -> None:
        options = {"prune_channels": {"round_to": 1, "compensate": compensate}, "drop_blocks": {}, "quantize": {}}
        self.of = of
        self.pipeline = Pipeline.of([create(name, held) for name, held in options.items()], of.graph)
        self.calibration = Calibration(of.net, of.images)

    def apply(self, policy: Mapping[str, Choice]) -> fx.GraphModule:
        return self.pipeline.apply(self.of.net, Policy(policy), Context(self.of.graph, self.calibration))

    @property
    def prunable(self) -> list[str]:
        return [knob.name for knob in self.pipeline.space if knob.compressor == "prune_channels"]

    @property
    def quantised(self) -> dict[str, Choice]:
        return {knob.name: 8 for knob in self.pipeline.space if knob.compressor == "quantize"}


def everything(net: fx.GraphModule) -> dict[str, Tensor]:
    """All that a network holds, scales of its quantisation points included."""
    scales = {name: torch.tensor(m.scale) for name, m in net.named_modules() if hasattr(m, "zero_point")}
    return {**net.state_dict(), **scales}


def assert_equal(one: fx.GraphModule, other: fx.GraphModule) -> None:
    held, given = everything(one), everything(other)
    assert held.keys() == given.keys()
    assert [name for name, tensor in held.items() if not torch.equal(tensor, given[name])] == []


@contextmanager
def whole_runs() -> Iterator[list[int]]:
    """Counts the layers with weights that are run on more than a few images."""
    counts = [0]

    def count(layer: nn.Module, _: object, output: object) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear) and isinstance(output, Tensor) and len(output) > 4:
            counts[0] += 1

    with watching([register_module_forward_hook(count)]):
        yield counts


@pytest.mark.parametrize("compensate", ["least_squares", "batch_norm"])
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_candidates_are_those_that_nothing_was_kept_for(network: str, compensate: str) -> None:
    """Policies that have more and more, and then less and less, in common with those before them."""
    subject = Subject(specimen(network), compensate)
    names = subject.prunable
    starts = range(0, len(names), max(1, len(names) // 3))
    policies: list[dict[str, Choice]] = [dict.fromkeys(names[start:], HALF) for start in starts]
    policies += [{**policies[-1], **subject.quantised}, subject.quantised, policies[0]]
    for policy in policies:
        assert_equal(subject.apply(policy), Subject(subject.of, compensate).apply(policy))


def test_a_second_candidate_of_one_structure_is_not_run_on_all_images() -> None:
    subject = Subject(specimen("residual"))
    structure = dict.fromkeys(subject.prunable, HALF)
    subject.apply({**structure, **subject.quantised})
    fewer = dict(list(subject.quantised.items())[1:])
    with whole_runs() as counts:
        subject.apply({**structure, **subject.quantised})
        assert counts == [0]
        subject.apply({**structure, **fewer})
    first = Subject(subject.of)
    first.calibration.targets  # noqa: B018
    with whole_runs() as of_first:
        first.apply({**structure, **fewer})
    assert counts[0] < of_first[0] / 2


def test_what_is_done_to_a_candidate_does_not_reach_the_next() -> None:
    subject = Subject(specimen("residual"))
    structure = dict.fromkeys(subject.prunable, HALF)
    expected = everything(subject.apply(structure))
    spoilt = subject.apply(structure)
    with torch.no_grad():
        for parameter in spoilt.parameters():
            parameter.zero_()
    found = everything(subject.apply(structure))
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_no_more_is_kept_than_the_bounds_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT_VALUES_BYTES", 500_000)
    monkeypatch.setattr(module, "RECENT_RESULTS_BYTES", 50_000)
    subject, plenty = Subject(specimen("residual")), specimen("residual")
    policy = {**dict.fromkeys(subject.prunable, HALF), **subject.quantised}
    for _ in range(2):
        assert_equal(subject.apply(policy), Subject(plenty).apply(policy))
    assert subject.calibration.recent_values.nbytes <= 500_000
    assert subject.calibration.recent_results.nbytes <= 50_000
