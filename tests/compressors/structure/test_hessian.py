"""Traces of the Hessian by channel: against the exact Hessian of tiny networks."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.func import functional_call

from parefront.compressors.statistics.calibration import Calibration
from parefront.compressors.structure import hessian
from parefront.compressors.structure.hessian import channel_traces, hessian_sensitivity
from parefront.testing.specimen import specimen

from ...flat import chain, flatten, images, op, pooled, relu


@pytest.fixture
def subject() -> tuple[fx.GraphModule, Tensor, Tensor]:
    """A network of 10 weights whose hidden layer bends, 24 images, their labels."""
    torch.manual_seed(0)
    x = images(24, 2, 2, 2)
    net = chain(
        x[:1], a=nn.Conv2d(2, 2, 1), act=op("Tanh"), pool=pooled(), flat=flatten(), b=nn.Linear(2, 3),
    )  # fmt: skip
    return net, x, torch.arange(24) % 3


def exact_traces(net: fx.GraphModule, name: str, x: Tensor, labels: Tensor) -> Tensor:
    """The trace of each output channel's block of the Hessian, from the Hessian itself."""
    weight = net.get_parameter(f"{name}.weight").detach()

    def loss(changed: Tensor) -> Tensor:
        outputs = functional_call(net, {f"{name}.weight": changed.view(weight.shape)}, (x,))
        return F.cross_entropy(outputs, labels)

    whole = torch.autograd.functional.hessian(loss, weight.flatten())  # type: ignore[no-untyped-call]
    found: Tensor = whole.diagonal().view(len(weight), -1).sum(1)
    return found


def test_over_all_signs_the_estimate_is_the_trace(subject: tuple[fx.GraphModule, Tensor, Tensor]) -> None:
    """Hutchinson's estimator has no bias: its mean over every vector of signs is exact."""
    net, x, labels = subject
    weights = [net.get_parameter("a.weight"), net.get_parameter("b.weight")]
    probes = [
        (torch.tensor(signs[:4]).view(2, 2, 1, 1), torch.tensor(signs[4:]).view(3, 2))
        for signs in itertools.product((-1.0, 1.0), repeat=10)
    ]
    traces = channel_traces(F.cross_entropy(net(x), labels), weights, probes)
    for name, trace in zip("ab", traces, strict=True):
        torch.testing.assert_close(trace, exact_traces(net, name, x, labels), rtol=1e-3, atol=1e-6)


def test_the_score_is_half_the_mean_curvature_times_the_squared_norm(
    subject: tuple[fx.GraphModule, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hessian, "PROBES", 600)
    net, x, labels = subject
    found = hessian_sensitivity(Calibration(net, x, labels))
    for name in "ab":
        weight = net.get_parameter(f"{name}.weight").detach().flatten(1)
        expected = exact_traces(net, name, x, labels) / (2 * 2) * weight.square().sum(1)
        torch.testing.assert_close(found[name], expected, rtol=0.3, atol=0.1 * float(expected.abs().max()))


def test_estimates_repeat_and_are_made_once_a_run() -> None:
    subject = specimen("plain")
    first, second = (hessian_sensitivity(Calibration(subject.net, subject.calibration.inputs[:16])) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_layer_before_an_operator_without_a_gradient_scores_zero() -> None:
    x = images(8, 3, 4, 4)
    net = chain(
        x[:1], a=nn.Conv2d(3, 4, 1), sine=op("Sin"), b=nn.Conv2d(4, 4, 1), act=relu(), pool=pooled(), flat=flatten(),
        head=nn.Linear(4, 3),
    )  # fmt: skip
    found = hessian_sensitivity(Calibration(net, x))
    assert not found["a"].any()
    assert found["b"].any()


def test_no_gradient_is_left_behind(subject: tuple[fx.GraphModule, Tensor, Tensor]) -> None:
    net, x, labels = subject
    hessian_sensitivity(Calibration(net, x, labels))
    assert all(parameter.grad is None for parameter in net.parameters())
