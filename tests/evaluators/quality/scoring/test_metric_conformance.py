"""What is built in, a function and torchmetrics are held to the suite; what does not conform is found out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanSquaredError
from torchmetrics.classification import MulticlassAUROC

from parefront.evaluators.quality.scoring.quality import Quality
from parefront.spaces.errors import Infeasible
from parefront.testing.metrics import MetricConformance

COUNT = 24


def images() -> tuple[Tensor, Tensor]:
    targets = torch.rand(COUNT, 3, 6, 6)
    return targets + 0.1 * torch.randn(COUNT, 3, 6, 6), targets


def classes() -> tuple[Tensor, Tensor]:
    targets = torch.arange(COUNT) % 4
    return torch.eye(4)[targets] + 0.3 * torch.randn(COUNT, 4), targets


def labels() -> tuple[Tensor, Tensor]:
    targets = (torch.rand(COUNT, 5) > 0.6).long()
    return 2.0 * targets - 1 + 0.5 * torch.randn(COUNT, 5), targets


def segments() -> tuple[Tensor, Tensor]:
    targets = torch.randint(0, 3, (COUNT, 6, 6))
    outputs = torch.nn.functional.one_hot(targets, 3).permute(0, 3, 1, 2).float()
    return outputs + 0.3 * torch.randn(COUNT, 3, 6, 6), targets


def largest_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().flatten(1).amax(1)


METRICS: dict[str, tuple[Any, Callable[[], tuple[Any, Any]]]] = {
    "accuracy": ("accuracy", classes),
    "mse": ("mse", images),
    "mae": ("mae", images),
    "f1": ("f1", labels),
    "miou": ("miou", segments),
    "function": (Quality.per_sample("largest", largest_error, higher_is_better=False), images),
    "sums": (MeanSquaredError(), images),
    "parts": (MulticlassAUROC(4, thresholds=None), lambda: (classes()[0].softmax(1), classes()[1])),
}


class TestMetrics(MetricConformance):
    @pytest.fixture(params=METRICS)
    def case(self, request: pytest.FixtureRequest) -> Any:
        metric, samples = METRICS[request.param]
        return metric, samples()

    @pytest.fixture
    def metric(self, case: Any) -> Any:
        return case[0]

    @pytest.fixture
    def samples(self, case: Any) -> Any:
        return case[1]


def centred(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets - (outputs - targets).mean()).square().flatten(1).mean(1)


def in_place(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.sub_(targets).abs().flatten(1).mean(1)


def random(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().flatten(1).mean(1) + 0.01 * torch.rand(len(targets))


@pytest.mark.parametrize(
    ("test", "function", "higher", "unit"),
    [
        ("test_the_outputs_of_other_samples_score_worse", largest_error, True, "score"),
        ("test_its_score_is_finite_and_in_its_unit", lambda o, t: o.new_full((len(t),), 3.0), True, "fraction"),
        ("test_its_score_is_finite_and_in_its_unit", lambda o, t: o.new_full((len(t),), torch.nan), True, "score"),
        ("test_batches_do_not_change_the_score", centred, False, "score"),
        ("test_the_same_samples_have_the_same_score_and_interval", random, False, "score"),
        ("test_it_leaves_outputs_and_targets_as_they_are", in_place, False, "score"),
    ],
)
def test_what_does_not_conform_is_found_out(test: str, function: Any, higher: bool, unit: str) -> None:
    metric = Quality.per_sample("broken", function, higher_is_better=higher, unit=unit)
    with pytest.raises((AssertionError, Infeasible)):
        getattr(MetricConformance(), test)(metric, images())
