"""Low rank: what is offered, what a chain computes, and how data, repair and other methods go with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from parefront.compressors.factors.chains import SCHEMES, Dense, spread, weights_of
from parefront.compressors.integers.quantized import QuantizedLayer
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.statistics.spectrum import Spectrum
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.cost import cost_of
from parefront.evaluators.quality.parity import check_parity
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import emit
from parefront.spaces.network.layers import PaddedConv2d
from parefront.testing.specimen import specimen

from ..conftest import MakeBench


def conv(kernel: int = 3, stride: int = 1, padding: int = 1, channels: int = 12) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(channels, 16, kernel, stride, padding)


IMAGES = torch.randn(2, 12, 9, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scheme", ["svd", "spatial", "tucker2"])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (5, 2, 0)])
def test_at_full_rank_a_chain_computes_what_the_layer_computes(
    scheme: str, kernel: int, stride: int, padding: int
) -> None:
    layer = conv(kernel, stride, padding)
    way = SCHEMES[scheme]
    chain = way.build(Dense(layer, Spectrum(torch.eye(12))), way.ranks(layer.weight.shape, 1.0, 1))
    with torch.no_grad():
        torch.testing.assert_close(nn.Sequential(*chain)(IMAGES), layer(IMAGES), rtol=1e-3, atol=1e-4)


def test_cp_of_high_rank_comes_close() -> None:
    layer = conv()
    chain = SCHEMES["cp"].build(Dense(layer, Spectrum(torch.eye(12))), (80,))
    with torch.no_grad():
        gap = (nn.Sequential(*chain)(IMAGES) - layer(IMAGES)).square().mean().sqrt()
    assert float(gap / layer(IMAGES).std()) < 0.15


def test_asymmetric_padding_is_kept() -> None:
    layer = PaddedConv2d(12, 16, 3, 2)
    layer.pads = (0, 1, 0, 1)
    way = SCHEMES["spatial"]
    chain = way.build(Dense(layer, Spectrum(torch.eye(12))), way.ranks(layer.weight.shape, 1.0, 1))
    with torch.no_grad():
        torch.testing.assert_close(nn.Sequential(*chain)(IMAGES), layer(IMAGES), rtol=1e-3, atol=1e-4)


def test_a_depthwise_part_has_a_group_for_each_channel() -> None:
    part = spread(conv(), torch.ones(5, 1, 3, 1), "h", groups=5)
    assert isinstance(part, nn.Conv2d)
    assert (part.groups, part.stride, part.padding) == (5, (1, 1), (1, 0))


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_choice_that_is_offered_saves_macs_and_weights(bench: MakeBench, scheme: str) -> None:
    subject = bench("residual", low_rank={"schemes": [scheme], "ranks": [0.9, 0.6, 0.3], "round_to": 1})
    before = cost_of(subject.net, subject.calibration.example)
    last = before.macs
    for knob in Pipeline.of(subject.compressors, subject.graph).space:
        last = before.macs
        for choice in knob.choices[1:]:
            cost = cost_of(subject.apply({knob.name: choice}), subject.calibration.example)
            assert cost.macs < last
            assert cost.params < before.params
            last = cost.macs


def test_weighing_by_data_errs_less_than_weights_alone(bench: MakeBench) -> None:
    options = {"ranks": [0.5], "round_to": 1, "compensate": "none"}
    for scheme in ("svd", "tucker2", "spatial"):
        given = {**options, "schemes": [scheme]}
        data, weights = (bench("plain", low_rank={**given, "data_aware": aware}) for aware in (True, False))
        assert data.error(data.uniform(low_rank=0.5)) < weights.error(weights.uniform(low_rank=0.5))


def test_least_squares_behind_it_errs_less(bench: MakeBench) -> None:
    options = {"ranks": [0.25], "round_to": 1}
    repaired = bench("residual", low_rank=options)
    left = bench("residual", low_rank={**options, "compensate": "none"})
    assert repaired.error(repaired.uniform(low_rank=0.25)) < left.error(left.uniform(low_rank=0.25))


def test_more_energy_errs_less(bench: MakeBench) -> None:
    subject = bench("plain", low_rank={"by": "energy", "ranks": [0.99, 0.9, 0.6], "round_to": 1})
    errors = [subject.error(subject.uniform(low_rank=share)) for share in (0.99, 0.9, 0.6)]
    assert errors == sorted(errors)


def test_several_schemes_are_named_in_the_choices(bench: MakeBench) -> None:
    compressor = create("low_rank", {"schemes": ["svd", "tucker2"], "ranks": [0.5], "round_to": 1})
    choices = {choice for knob in compressor.plan(specimen("plain").graph).knobs for choice in knob.choices}
    assert choices == {1.0, "svd 0.5", "tucker2 0.5"}


def test_the_parts_take_the_bits_of_their_layer(bench: MakeBench) -> None:
    subject = bench("plain", low_rank={"ranks": [0.5], "round_to": 1}, quantize={})
    layer = subject.graph.layers[1].name
    net = subject.apply({f"low_rank/{layer}": 0.5, f"quantize/{layer}": 8})
    assert sum(isinstance(module, QuantizedLayer) for module in net.modules()) == 2


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_pruned_and_factorised_and_in_int8_it_is_emitted(bench: MakeBench, tmp_path: Path, scheme: str) -> None:
    subject = bench("residual", prune_channels={"round_to": 4}, low_rank={"schemes": [scheme]}, quantize={})
    shares = [0.5] if scheme != "cp" else [0.25]
    net = subject.uniform(prune_channels=0.5, low_rank=shares[0], quantize=8)
    artifact = emit(net, tmp_path / "net.onnx", subject.calibration.example)
    check_parity(open_session(artifact.path, threads=1), net, subject.calibration.example)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize("step", [1, 4, 16])
def test_no_rank_is_above_the_full_one(scheme: str, step: int) -> None:
    layer = nn.Conv2d(3, 5, 3, padding=1)
    way = SCHEMES[scheme]
    full = way.ranks(layer.weight.shape, 1.0, 1)
    ranks = way.ranks(layer.weight.shape, 0.6, step)
    assert all(rank <= most for rank, most in zip(ranks, full, strict=True))
    with torch.no_grad():
        assert nn.Sequential(*way.build(Dense(layer, Spectrum(torch.eye(3))), ranks))(torch.rand(1, 3, 6, 6)).shape == (
            1,
            5,
            6,
            6,
        )


def test_weights_count_biases() -> None:
    assert weights_of([conv()]) == 16 * 12 * 9 + 16


@pytest.mark.parametrize(
    "options",
    [{"schemes": ["qr"]}, {"schemes": []}, {"ranks": [0]}, {"schemes": ["cp"], "by": "energy"}, {"round_to": 0}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"compress\.low_rank"):
        create("low_rank", options)
