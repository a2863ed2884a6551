"""The LASSO path of a layer's input channels: against coordinate descent and scipy, and on the layers of networks."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor, nn

from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.structure import lasso
from parefront.compressors.structure.criteria import importance
from parefront.compressors.structure.lasso import RIDGE, entry_penalties, group_gram
from parefront.spaces.network.graph import ChannelGroup, Slice

from ...clocks import times_as_long
from ...flat import chain, conv, flatten, images, relu
from ..conftest import MakeBench


def gram_of(channels: int, shared: float, seed: int = 0) -> np.ndarray:
    """Contributions of very different sizes, alike by a ``shared`` part."""
    generator = np.random.default_rng(seed)
    added = generator.normal(size=(5 * channels, channels)) * generator.gamma(1, 1, channels)
    added += shared * generator.normal(size=(5 * channels, 1))
    added -= added.mean(0)
    return np.asarray(added.T @ added)


def descended(gram: np.ndarray, penalty: float) -> np.ndarray:
    """min ½ βᵀGβ − βᵀG1 + λ‖β‖₁ by plain coordinate descent."""
    beta, right = np.zeros(len(gram)), gram.sum(1)
    gram = gram + np.eye(len(gram)) * RIDGE * gram.diagonal().mean()
    for _ in range(5000):
        before = beta.copy()
        for j in range(len(gram)):
            pull = right[j] - gram[j] @ beta + gram[j, j] * beta[j]
            beta[j] = np.sign(pull) * max(abs(pull) - penalty, 0) / gram[j, j]
        if np.abs(beta - before).max() < 1e-12:
            break
    return beta


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_channel_enters_where_coordinate_descent_makes_it_enter(shared: float, seed: int) -> None:
    gram = gram_of(8, shared, seed)
    for channel, penalty in enumerate(entry_penalties(gram)):
        assert descended(gram, penalty * 1.0005)[channel] == 0
        assert descended(gram, penalty * 0.9995)[channel] != 0


def test_the_same_channels_are_in_as_scipy_finds() -> None:
    """With β split into what is above and what is below zero the problem is smooth, and its bounds are plain."""
    gram = gram_of(6, 0.5)
    entered = entry_penalties(gram)
    for penalty in np.sqrt(np.sort(entered)[1:] * np.sort(entered)[:-1]):

        def loss(halves: np.ndarray, penalty: float = float(penalty)) -> tuple[float, np.ndarray]:
            beta = halves[:6] - halves[6:]
            slope = gram @ (beta - 1)
            return 0.5 * (beta - 1) @ slope + penalty * halves.sum(), np.r_[slope + penalty, penalty - slope]

        options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10000}
        solved = scipy.optimize.minimize(loss, np.zeros(12), jac=True, bounds=[(0, None)] * 12, options=options)
        beta = solved.x[:6] - solved.x[6:]
        assert (np.abs(beta) > 1e-5).tolist() == (entered > penalty).tolist()


def test_channels_that_do_not_overlap_enter_by_what_they_add() -> None:
    squares = np.array([4.0, 1.0, 9.0, 0.0])
    np.testing.assert_allclose(entry_penalties(np.diag(squares)), squares, rtol=1e-5, atol=1e-4)


def test_a_channel_that_repeats_others_is_as_good_as_they_are() -> None:
    gram = np.ones((3, 3))
    assert np.isfinite(entry_penalties(gram)).all()
    assert entry_penalties(np.zeros((3, 3))).tolist() == [0, 0, 0]


@pytest.mark.parametrize("channels", [64, 512])
def test_a_path_takes_a_few_decompositions_of_its_matrix(channels: int) -> None:
    gram = gram_of(channels, 0.5)
    assert times_as_long(lambda: entry_penalties(gram), lambda: np.linalg.svd(gram), repeats=3) < 30, "about 5"


def contributions(layer: nn.Module, source: Tensor, channels: int) -> Tensor:
    """What each input channel adds to the outputs, by running the layer on that channel alone: ``(outputs, in)``."""
    alone = []
    for channel in range(channels):
        only = torch.zeros_like(source)
        only[:, channel] = source[:, channel]
        with torch.no_grad():
            alone.append(layer(only).transpose(0, 1).flatten(1))
    added = torch.stack(alone)
    return (added - added.mean(2, keepdim=True)).flatten(1).T


def test_the_gram_matrix_is_that_of_each_channel_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasso, "PAIRS", 10**9)
    monkeypatch.setattr(lasso, "ROWS", 10**9)
    x = images(16, 3, 4, 4)
    net = chain(x[:1], a=conv(3, 6), act=relu(), b=nn.Conv2d(6, 4, 3, stride=2, padding=1))
    part = Slice("b", "in", np.arange(6), np.arange(6))
    gram = group_gram(net, part, 6, Calibration(net, x))
    assert gram is not None
    with torch.no_grad():
        source = net.get_submodule("act")(net.get_submodule("a")(x))
    added = contributions(net.get_submodule("b"), source, 6).double().numpy()
    np.testing.assert_allclose(gram, added.T @ added, rtol=1e-3, atol=1e-3)


def test_a_sample_gives_nearly_the_same_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(64, 3, 8, 8)
    net = chain(x[:1], a=conv(3, 8), act=relu(), b=conv(8, 16))
    part = Slice("b", "in", np.arange(8), np.arange(8))
    grams = []
    for pairs in (4096, 10**9):
        monkeypatch.setattr(lasso, "PAIRS", pairs)
        found = group_gram(net, part, 8, Calibration(net, x))
        assert found is not None
        grams.append(found / np.trace(found))
    np.testing.assert_allclose(grams[0], grams[1], atol=0.1 * grams[1].diagonal().mean())


def test_the_pixels_of_a_flattened_channel_are_one_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasso, "PAIRS", 10**9)
    monkeypatch.setattr(lasso, "ROWS", 10**9)
    x = images(16, 3, 2, 2)
    net = chain(x[:1], a=conv(3, 4), flat=flatten(), b=nn.Linear(16, 5))
    part = Slice("b", "in", np.arange(16) // 4, np.arange(16))
    gram = group_gram(net, part, 4, Calibration(net, x))
    assert gram is not None
    with torch.no_grad():
        source = net.get_submodule("a")(x)
    whole = nn.Sequential(net.get_submodule("flat"), net.get_submodule("b"))
    added = contributions(whole, source, 4).double().numpy()
    np.testing.assert_allclose(gram, added.T @ added, rtol=1e-3, atol=1e-3)


def test_a_channel_that_is_not_read_goes_first() -> None:
    x = images(32, 3, 6, 6)
    reader = conv(8, 4)
    reader.weight.data[:, 5] = 0
    net = chain(x[:1], a=conv(3, 8), act=relu(), b=reader)
    slices = (Slice("a", "out", np.arange(8), np.arange(8)), Slice("b", "in", np.arange(8), np.arange(8)))
    scores = importance("lasso", net, ChannelGroup("a", 8, 1, slices, 0), Calibration(net, x))
    assert scores.argmin() == 5
    assert scores[5] == 0


def test_without_a_dense_reader_filters_are_judged_by_their_norm() -> None:
    x = images(8, 3, 6, 6)
    net = chain(x[:1], a=conv(3, 8), act=relu(), b=conv(8, 8, groups=8))
    slices = (Slice("a", "out", np.arange(8), np.arange(8)), Slice("b", "in", np.arange(8), np.arange(8)))
    group, data = ChannelGroup("a", 8, 1, slices, 0), Calibration(net, x)
    assert (importance("lasso", net, group, data) == importance("l2", net, group, data)).all()


def test_channels_by_lasso_cost_less_than_channels_at_random(bench: MakeBench) -> None:
    errors = {}
    for criterion in ("lasso", "random"):
        subject = bench("residual", prune_channels={"criterion": criterion, "round_to": 4})
        errors[criterion] = subject.error(subject.uniform(prune_channels=0.5))
    assert errors["lasso"] < 0.9 * errors["random"]
