"""Ranges of activations: what was observed, how outliers are treated, and scale and zero point against ORT's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from onnxruntime.quantization.quant_utils import compute_scale_zp
from torch import nn

from parefront.compressors.integers.ranges import (
    KEPT,
    RANGES,
    Observed,
    Observer,
    affine,
    min_max,
    percentile,
    squared_error,
)

from ...flat import chain, conv, flatten, images, pooled, relu, value_of


def observed(values: np.ndarray) -> Observed:
    nothing = torch.zeros(0)
    return Observed(float(values.min()), float(values.max()), values.astype(np.float32), nothing, nothing)


@pytest.fixture
def heavy_tailed() -> np.ndarray:
    return np.random.default_rng(0).standard_t(3, 20_000)


@pytest.mark.parametrize(("low", "high"), [(-1.3, 2.7), (0.0, 6.0), (0.5, 4.0), (-3.0, -1.0), (-1e-3, 1e3)])
@pytest.mark.parametrize("signed", [False, True])
def test_scale_and_zero_point_are_those_of_onnx_runtimes_quantiser(low: float, high: float, signed: bool) -> None:
    scale, zero_point = affine(low, high, signed)
    floor, ceiling = (-128, 127) if signed else (0, 255)
    kind = np.int8 if signed else np.uint8
    limits = [np.array(v, np.float32) for v in (low, high)]
    theirs = compute_scale_zp(*limits, np.array(floor, kind), np.array(ceiling, kind))
    assert [int(theirs[0]), float(theirs[1])] == [zero_point, pytest.approx(scale, rel=1e-6)]


def test_scale_and_zero_point_by_hand() -> None:
    assert affine(-1.0, 1.55, signed=False) == pytest.approx((0.01, 100))
    assert affine(-1.0, 1.55, signed=True) == pytest.approx((0.01, -28))


def test_zero_can_be_expressed_whatever_the_range() -> None:
    assert affine(2.0, 5.1, signed=False) == pytest.approx((0.02, 0))
    assert affine(-5.1, -2.0, signed=False) == pytest.approx((0.02, 255))


def test_an_activation_that_is_always_zero_has_a_scale() -> None:
    assert affine(0.0, 0.0, signed=False) == (1.0, 0)


def test_min_max_is_the_whole_range(heavy_tailed: np.ndarray) -> None:
    assert min_max(observed(heavy_tailed)) == (heavy_tailed.min(), heavy_tailed.max())


def test_percentile_leaves_one_value_in_ten_thousand_out_at_either_end(heavy_tailed: np.ndarray) -> None:
    low, high = percentile(observed(heavy_tailed))
    assert ((heavy_tailed < low).mean(), (heavy_tailed > high).mean()) == (pytest.approx(1e-4), pytest.approx(1e-4))


def rounding_error(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    return float(np.mean((np.clip(np.round((values - low) / step), 0, 255) * step + low - values) ** 2))


def test_squared_error_beats_min_max_and_any_other_share_of_it() -> None:
    values = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    low, high = squared_error(replace(observed(values), low=-10.0, high=12.0))
    chosen = rounding_error(values, low, high)
    assert chosen < 0.3 * rounding_error(values, -10, 12)
    for share in np.linspace(0.3, 1.0, 12):
        assert chosen <= 1.03 * rounding_error(values, share * -10, share * 12)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_range_lies_within_what_was_seen(name: str, heavy_tailed: np.ndarray) -> None:
    low, high = RANGES[name](observed(heavy_tailed))
    assert heavy_tailed.min() <= low < 0 < high <= heavy_tailed.max()


def test_what_is_not_a_number_is_not_passed_over() -> None:
    assert np.isnan(percentile(observed(np.array([1.0, np.nan, *range(30_000)])))).any()


@pytest.mark.parametrize("share", [99.99, 99.0, 50.0])
@pytest.mark.parametrize("count", [1, 2, 700, 20_000])
def test_percentiles_are_numpys(share: float, count: int, heavy_tailed: np.ndarray) -> None:
    sample = heavy_tailed[:count].astype(np.float32)
    assert percentile(observed(sample), share) == pytest.approx(np.percentile(sample, [100 - share, share]), rel=1e-5)


def test_an_observer_sees_every_value_of_the_nodes_it_is_told() -> None:
    x = images(3, 3, 16, 16)
    net = chain(x, a=conv(3, 8), pool=pooled(), flat=flatten(), b=nn.Linear(8, 4))
    nodes = [node for node in net.graph.nodes if node.target in ("a", "flat")]
    found = Observer(net, nodes).observe(x)
    assert list(found) == nodes
    for node, seen in found.items():
        value = value_of(net, str(node.target), x)
        assert (seen.low, seen.high) == (float(value.min()), float(value.max()))
        assert sorted(seen.sample) == sorted(value.flatten())
        torch.testing.assert_close(seen.mean, value.transpose(0, 1).flatten(1).mean(1))
    of_convolution, of_linear = (found[node].last_mean for node in nodes)
    assert of_convolution is None
    torch.testing.assert_close(of_linear, value_of(net, "flat", x).mean(0))


def test_a_sample_of_a_large_activation_comes_from_all_over_it() -> None:
    """Columns 0 and 1 of every image are zero: a sample that always falls on them would see nothing else."""
    net = chain(images(1, 4, 32, 32), act=relu(), last=conv(4, 2))
    x = images(64, 16, 32, 32).abs() + 1
    x[..., :2] = 0
    (node,) = [node for node in net.graph.nodes if node.target == "act"]
    net.last = torch.nn.Identity()
    sample = Observer(net, [node]).observe(x)[node].sample
    assert len(sample) <= KEPT
    assert (sample == 0).mean() == pytest.approx(2 / 32, abs=0.01)


@pytest.mark.parametrize("features", [511, 513, 1000])
def test_a_sample_reaches_to_the_last_image(features: int) -> None:
    """Whether all of an activation is kept, or somewhat more than half of it could be."""
    x = torch.zeros(64, features)
    x[-1] = 1
    net = chain(x, act=relu())
    (node,) = [node for node in net.graph.nodes if node.target == "act"]
    assert Observer(net, [node]).observe(x)[node].sample.max() == 1
