"""Losses of activations against their papers' formulas, written out with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from parefront.compressors.recovery.losses.features import (
    FEATURE_LOSSES,
    OF_ANY_WIDTH,
    attention,
    cosine,
    features,
    similarity,
)
from parefront.compressors.recovery.recipe import OF_FEATURES


@pytest.fixture
def student() -> Tensor:
    return torch.randn(6, 5, 4, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def teacher() -> Tensor:
    return 2 + torch.randn(6, 5, 4, 3, generator=torch.Generator().manual_seed(1))


def rows(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def test_the_names_are_those_that_a_recipe_knows() -> None:
    assert {*FEATURE_LOSSES} == set(OF_FEATURES)


@pytest.mark.parametrize("name", OF_FEATURES)
def test_what_agrees_costs_nothing(name: str, teacher: Tensor) -> None:
    assert FEATURE_LOSSES[name](teacher, teacher).item() == pytest.approx(0.0, abs=1e-6)


def test_features_are_one_where_a_student_gives_each_channels_mean(teacher: Tensor) -> None:
    constant = teacher.mean((0, 2, 3), keepdim=True).expand_as(teacher)
    assert features(constant, teacher).item() == pytest.approx(1.0, rel=1e-5)
    assert features(9 * constant, 9 * teacher).item() == pytest.approx(1.0, rel=1e-5)


def test_cosine_is_that_of_the_channels_at_each_position(student: Tensor, teacher: Tensor) -> None:
    s, t = (x.double().numpy().transpose(0, 2, 3, 1).reshape(-1, 5) for x in (student, teacher))
    assert cosine(student, teacher).item() == pytest.approx(1 - (rows(s) * rows(t)).sum(1).mean(), rel=1e-5)


def test_attention_is_zagoruykos(student: Tensor, teacher: Tensor) -> None:
    s, t = (rows((x.double().numpy() ** 2).sum(1).reshape(6, -1)) for x in (student, teacher))
    assert attention(student, teacher).item() == pytest.approx((np.linalg.norm(s - t, axis=1) ** 2).mean(), rel=1e-5)


def test_similarity_is_tungs_times_the_batch(student: Tensor, teacher: Tensor) -> None:
    s, t = (rows(flat @ flat.T) for flat in (x.double().numpy().reshape(6, -1) for x in (student, teacher)))
    papers = np.linalg.norm(s - t, "fro") ** 2 / 6**2
    assert similarity(student, teacher).item() == pytest.approx(6 * papers, rel=1e-5)


@pytest.mark.parametrize("name", sorted(OF_ANY_WIDTH))
def test_these_compare_layers_of_different_widths(name: str, student: Tensor, teacher: Tensor) -> None:
    assert 0 < FEATURE_LOSSES[name](student[:, :2], teacher).item() < 2
