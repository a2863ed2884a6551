"""Eigendecompositions of covariances, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parefront.compressors.statistics.spectrum import RIDGE, SINGLE, Spectrum


def covariance(size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(2 * size, size, generator=generator) @ torch.randn(size, size, generator=generator)
    return sample.T @ sample / len(sample)


def test_a_root_and_its_inverse_undo_each_other() -> None:
    root, inverse = Spectrum(covariance(8)).root
    torch.testing.assert_close(root @ inverse, torch.eye(8), atol=1e-4, rtol=0)


def test_the_square_of_the_root_is_the_matrix_and_the_ridge() -> None:
    spectrum = Spectrum(covariance(8))
    ridge = RIDGE * spectrum.matrix.diagonal().mean()
    torch.testing.assert_close(
        spectrum.root[0] @ spectrum.root[0], spectrum.matrix + ridge * torch.eye(8), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("size", [12, SINGLE])
def test_values_fall_and_are_numpys(size: int) -> None:
    spectrum = Spectrum(covariance(size))
    oracle = np.linalg.eigvalsh(spectrum.matrix.double().numpy())[::-1]
    np.testing.assert_allclose(spectrum.values, oracle, rtol=1e-3, atol=1e-6 * oracle[0])
    rebuilt = (spectrum.vectors * spectrum.values) @ spectrum.vectors.T
    torch.testing.assert_close(rebuilt, spectrum.matrix, rtol=1e-3, atol=1e-5 * float(oracle[0]))


def test_all_channels_share_one_decomposition_and_some_have_their_own() -> None:
    spectrum = Spectrum(covariance(6))
    assert spectrum.of(torch.arange(6)) is spectrum
    some = torch.tensor([4, 1])
    torch.testing.assert_close(spectrum.of(some).matrix, spectrum.matrix[[4, 1]][:, [4, 1]])
