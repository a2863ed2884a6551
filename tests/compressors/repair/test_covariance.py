"""Repair from covariances: where only one layer is reached it is least squares; elsewhere close to it, and quick."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from parefront.compressors.repair import compensate as module
from parefront.testing.networks import NETWORKS

from ...flat import chain, conv, flatten, images, pooled, relu
from ..conftest import MakeBench


def test_behind_a_single_pruned_layer_it_is_least_squares(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RIDGE", 1e-7)
    x = images(100, 6)
    net = chain(x[:1], a=nn.Linear(6, 16), act=relu(), b=nn.Linear(16, 5))
    found = []
    for method in ("covariance", "least_squares"):
        subject = bench(net, x, prune_channels={"round_to": 1, "compensate": method})
        found.append(subject.outputs(subject.apply({"prune_channels/a": 0.25})))
    torch.testing.assert_close(found[0], found[1], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_it_errs_less_than_no_repair(bench: MakeBench, network: str) -> None:
    errors = {}
    for method in ("covariance", "none"):
        subject = bench(network, prune_channels={"round_to": 4, "compensate": method})
        errors[method] = subject.error(subject.uniform(prune_channels=0.25))
    assert errors["covariance"] < 0.8 * errors["none"]


def test_the_compressed_network_is_not_run_for_it(bench: MakeBench) -> None:
    subject = bench("residual", prune_channels={"round_to": 4, "compensate": "covariance"})
    subject.uniform(prune_channels=0.25)
    seen: list[int] = []
    subject.calibration.net.register_forward_hook(lambda *_: seen.append(1))
    subject.uniform(prune_channels=0.5)
    assert not seen


def test_layers_that_both_lose_inputs_and_outputs_are_solved_for_what_is_left(bench: MakeBench) -> None:
    x = images(64, 3, 8, 8)
    net = chain(
        x[:1], a=conv(3, 16, 3), f=relu(), b=conv(16, 16, 3), g=relu(), p=pooled(), h=flatten(), c=nn.Linear(16, 4)
    )
    subject = bench(net, x, prune_channels={"round_to": 1, "compensate": "covariance"})
    left = bench(net, x, prune_channels={"round_to": 1, "compensate": "none"})
    choices = {"prune_channels/a": 0.25, "prune_channels/b": 0.25}
    assert subject.error(subject.apply(choices)) < left.error(left.apply(choices))
