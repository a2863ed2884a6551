"""Losses against their papers' formulas, written out with NumPy and plain torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from parefront.compressors.recovery.losses.outputs import DISTILLING, dist, kullback_leibler, loss_of, squared_error
from parefront.compressors.recovery.recipe import CROSS_ENTROPY, OF_OUTPUTS
from parefront.spaces.errors import ConfigError


@pytest.fixture
def student() -> Tensor:
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()


@pytest.fixture
def teacher() -> Tensor:
    return 3 * torch.randn(12, 5, generator=torch.Generator().manual_seed(1))


def test_the_names_are_those_that_a_recipe_knows() -> None:
    assert {*DISTILLING, CROSS_ENTROPY} == set(OF_OUTPUTS)


def test_squared_error_is_one_where_a_student_gives_the_mean(teacher: Tensor) -> None:
    assert squared_error(teacher.mean(0).expand_as(teacher), teacher).item() == pytest.approx(1.0, rel=1e-5)
    assert squared_error(7 * teacher.mean(0).expand_as(teacher), 7 * teacher).item() == pytest.approx(1.0, rel=1e-5)


def test_kullback_leibler_is_hintons(student: Tensor, teacher: Tensor) -> None:
    temperature = 2.5
    p, q = (np.exp(x.detach().double().numpy() / temperature) for x in (teacher, student))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    wanted = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    assert kullback_leibler(student, teacher, temperature).item() == pytest.approx(wanted, rel=1e-5)


def test_its_gradient_does_not_shrink_with_the_temperature(student: Tensor, teacher: Tensor) -> None:
    """At a high temperature it is that of half the squared error of centred logits over the classes (section 2.1)."""
    high = torch.autograd.grad(kullback_leibler(student, teacher, 300.0), student)[0]
    centred = [x - x.mean(1, keepdim=True) for x in (student, teacher)]
    wanted = torch.autograd.grad((centred[0] - centred[1]).square().sum(1).mean() / 2 / student.shape[1], student)[0]
    torch.testing.assert_close(high, wanted, rtol=0.05, atol=1e-4)


def test_dist_is_the_correlation_of_rows_and_of_columns(student: Tensor, teacher: Tensor) -> None:
    s, t = (torch.softmax(x.detach() / 4, 1).double().numpy() for x in (student, teacher))
    rows = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(s, t, strict=True)])
    columns = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(s.T, t.T, strict=True)])
    assert dist(student, teacher).item() == pytest.approx(16 * (2 - rows - columns), rel=1e-4)


def test_a_dense_prediction_counts_every_pixel_as_a_sample(student: Tensor, teacher: Tensor) -> None:
    s, t = (x.detach().view(3, 4, 1, 5).permute(0, 3, 1, 2) for x in (student, teacher))
    assert kullback_leibler(s, t).item() == pytest.approx(kullback_leibler(student, teacher).item(), rel=1e-6)


def test_losses_are_weighted_and_outputs_averaged(student: Tensor, teacher: Tensor) -> None:
    labels = torch.arange(12) % 5
    both = loss_of({"mse": 2.0, CROSS_ENTROPY: 0.5})(student, teacher, labels)
    alone = [loss_of({name: 1.0})(student, teacher, labels).item() for name in ("mse", CROSS_ENTROPY)]
    assert both.item() == pytest.approx(2 * alone[0] + 0.5 * alone[1], rel=1e-6)
    two = {"a": student, "b": 2 * student, "index": torch.zeros(12, dtype=torch.int64)}
    given = {"a": teacher, "b": teacher, "index": torch.ones(12, dtype=torch.int64)}
    wanted = (squared_error(student, teacher) + squared_error(2 * student, teacher)) / 2
    assert loss_of({"mse": 1.0})(two, given, None).item() == pytest.approx(wanted.item(), rel=1e-6)


def test_labels_that_are_missing_and_losses_that_do_not_exist_are_named(student: Tensor, teacher: Tensor) -> None:
    with pytest.raises(ConfigError, match="needs a training split with class labels"):
        loss_of({CROSS_ENTROPY: 1.0})(student, teacher, None)
    with pytest.raises(ConfigError, match=r"no loss 'mes'.*mse"):
        loss_of({"mes": 1.0})
    with pytest.raises(ConfigError, match="the last layer is not trained; add mse"):
        loss_of({"features": 1.0})


def test_those_of_features_are_not_of_outputs(student: Tensor, teacher: Tensor) -> None:
    both, alone = (loss_of(losses)(student, teacher, None) for losses in ({"mse": 1.0, "features": 3.0}, {"mse": 1.0}))
    assert both.item() == alone.item()
