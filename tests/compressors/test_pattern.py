"""Packed weights in training: zeros stay zero, equal weights stay equal, and the file stays as small as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.integers.equalize import equalize
from parefront.compressors.latent import LatentLayer
from parefront.compressors.pattern import Pattern, mark_clustered
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit
from parefront.spaces.network.packing import mark_packed

from ..flat import chain, conv, images, relu
from .conftest import Bench, MakeBench
from .test_latent import fit, images_of


def held(net: fx.GraphModule, layer: str) -> Tensor:
    """What the file holds of a layer's weight."""
    module = net.get_submodule(layer)
    assert isinstance(module, LatentLayer)
    return module.held()[0].detach()


def trained(subject: Bench, folder: Path, **choices: Choice) -> tuple[fx.GraphModule, fx.GraphModule]:
    """A compressed network untrained, and after ten steps: their files are as large, and compute what torch does."""
    before, after = subject.uniform(**choices), subject.uniform(**choices)
    losses = fit(after, images_of(subject), subject.outputs(subject.net), steps=10, rate=1e-4)
    assert losses[-1] < losses[0]
    artifacts = [emit(net, folder / "net.onnx", images_of(subject)[:4]) for net in (before, after)]
    check_parity(open_session(artifacts[1].path, threads=1), after, images_of(subject)[:4])
    assert artifacts[0].sha256 != artifacts[1].sha256
    assert abs(artifacts[0].size_bytes - artifacts[1].size_bytes) <= 64
    return before, after


@pytest.mark.parametrize("bits", [None, 8, "w4"])
def test_pruned_weights_stay_zero(bits: Choice | None, bench: MakeBench, tmp_path: Path) -> None:
    more: dict[str, Choice] = {} if bits is None else {"quantize": bits}
    subject = bench("plain", prune_weights={}, **{name: {"bits": [32, bit]} for name, bit in more.items()})
    before, after = trained(subject, tmp_path, prune_weights=0.8, **more)
    zeros = held(before, "2.0") == 0
    assert zeros.float().mean() > 0.79
    assert bool((held(after, "2.0")[zeros] == 0).all())
    assert not torch.equal(held(after, "2.0"), held(before, "2.0"))


def test_shared_weights_stay_equal_and_their_values_are_trained(bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("plain", share_weights={})
    before, after = trained(subject, tmp_path, share_weights=16)
    first, second = held(before, "2.0").flatten(), held(after, "2.0").flatten()
    values, cluster = torch.unique(first, return_inverse=True)
    assert len(values) == 16
    assert all(len(torch.unique(second[cluster == index])) == 1 for index in range(16))
    assert not torch.equal(torch.unique(second), values)


def test_pruned_and_shared_weights_stay_both(bench: MakeBench, tmp_path: Path) -> None:
    subject = bench("plain", prune_weights={}, share_weights={})
    before, after = trained(subject, tmp_path, prune_weights=0.5, share_weights=4)
    assert torch.equal(held(before, "2.0") == 0, held(after, "2.0") == 0)
    assert len(torch.unique(held(after, "2.0"))) == 4


def test_the_first_of_a_cluster_gets_the_gradients_of_all() -> None:
    layer = conv(1, 1, 2)
    layer.weight.data = torch.tensor([[[[2.0, 0.0], [3.0, 2.0]]]])
    mark_packed(layer)
    mark_clustered(layer, torch.tensor([3.0, 2.0]))
    pattern = Pattern.of(layer)
    assert pattern is not None
    assert torch.equal(pattern(layer.weight), layer.weight)
    (pattern(layer.weight) * torch.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.flatten().tolist() == [1001, 0, 100, 0]


def test_a_layer_that_is_not_packed_has_no_pattern() -> None:
    assert Pattern.of(conv(3, 4)) is None


def test_weights_that_were_changed_one_by_one_since_they_were_shared_are_trained_one_by_one(bench: MakeBench) -> None:
    x = images(8, 8, 6, 6)
    net = chain(x, a=conv(8, 16), act=relu(), b=conv(16, 8))
    shared = bench(net, x, share_weights={}).uniform(share_weights=4)
    layers = [shared.get_submodule(f"{name}.layer") for name in "ab"]
    patterns = [Pattern.of(layer) for layer in layers]
    plain = chain(x, a=layers[0], act=relu(), b=layers[1])
    equalize(plain, ["a", "b"])
    for layer, before in zip(layers, patterns, strict=True):
        after = Pattern.of(layer)
        assert before is not None
        assert after is not None
        assert before.first is not None
        assert after.first is None
        weight = layer.get_parameter("weight")
        assert torch.equal(after(weight), weight)
