"""Exact costs, against torch's own counter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.quality.cost import cost_of
from parefront.spaces.network.layers import SequenceLinear
from parefront.spaces.policy import Policy
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

from ...flat import chain, images


@pytest.mark.parametrize("network", NETWORKS)
def test_costs_are_those_of_the_graph(network: str) -> None:
    subject = specimen(network)
    cost = cost_of(subject.net, subject.calibration.example)
    assert (cost.params, cost.macs) == (subject.graph.params, subject.graph.macs)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_pruned_network_costs_what_torchs_flop_counter_counts(network: str) -> None:
    subject, pruner = specimen(network), create("prune_channels", {"round_to": 1, "compensate": "none"})
    pipeline = Pipeline.of([pruner], subject.graph)
    policy = pipeline.space.sample(np.random.default_rng(0))
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(subject.calibration.inputs[:1])
    cost = cost_of(net, subject.calibration.inputs)
    assert cost.macs == counter.get_total_flops() // 2 < subject.graph.macs
    assert cost.params == sum(p.numel() for p in net.parameters()) < subject.graph.params


def test_integers_cost_as_many_operations_as_floats() -> None:
    subject, quantiser = specimen("plain"), create("quantize")
    policy = Policy({f"quantize/{layer.name}": 8 for layer in subject.graph})
    pipeline = Pipeline.of([quantiser], subject.graph)
    net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    assert cost_of(net, subject.calibration.example) == cost_of(subject.net, subject.calibration.example)


def test_linear_layers_count_every_row() -> None:
    x = images(3, 5, 7, 8)
    assert cost_of(chain(x, a=SequenceLinear(8, 4)), x).macs == 5 * 7 * 8 * 4
    assert cost_of(chain(x[0, 0], a=nn.Linear(8, 4)), x[0, 0]).params == 36


def test_counts_are_exact_measurements_and_no_hooks_are_left() -> None:
    subject = specimen("plain")
    measured = cost_of(subject.net, subject.calibration.example).measurements()
    assert {key: (m.value, m.half_width) for key, m in measured.items()} == {
        "params": (subject.graph.params, 0), "macs": (subject.graph.macs, 0),
    }  # fmt: skip
    assert not any(module._forward_hooks for module in subject.net.modules())
