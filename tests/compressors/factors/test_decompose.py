"""Decompositions against tensorly's, at equal rank."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from parefront.compressors.factors.decompose import cp, energy_rank, truncated, tucker2

tensorly = pytest.importorskip("tensorly", reason="needs tensorly: pip install 'parefront[test]'")


def kernel(out: int, channels: int, size: int = 3, seed: int = 0) -> Tensor:
    """Weights whose channels are correlated, as trained ones are."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(out, channels, size, size, generator=generator)
    of_out, of_in = (torch.randn(n, n, generator=generator) / n for n in (out, channels))
    return mixed * 0.3 + torch.einsum("oihw,op,ij->pjhw", mixed, of_out, of_in) * 8


def error(approximation: Tensor, of: Tensor) -> float:
    return float(torch.linalg.vector_norm(approximation - of) / torch.linalg.vector_norm(of))


@pytest.mark.parametrize("rank", [1, 5, 20])
def test_truncated_svd_errs_as_tensorlys(rank: int) -> None:
    matrix = kernel(24, 16).flatten(1)
    left, right = truncated(matrix, rank)
    u, s, v = tensorly.tenalg.svd_interface(matrix.numpy(), n_eigenvecs=rank)
    oracle = error(torch.from_numpy(u * s @ v), matrix)
    assert error(left @ right, matrix) == pytest.approx(oracle, rel=0.01)


@pytest.mark.parametrize(("rank_out", "rank_in"), [(12, 8), (6, 4), (20, 3)])
def test_tucker_2_errs_as_tensorlys(rank_out: int, rank_in: int) -> None:
    weight = kernel(24, 16)
    outputs, core, inputs = tucker2(weight, rank_out, rank_in)
    ours = error(torch.einsum("rshw,or,is->oihw", core, outputs, inputs), weight)
    (oracle_core, factors), _ = tensorly.decomposition.partial_tucker(
        weight.numpy(), rank=[rank_out, rank_in], modes=[0, 1]
    )
    oracle = np.einsum("rshw,or,is->oihw", oracle_core, *factors)
    assert ours <= 1.01 * error(torch.from_numpy(oracle), weight)


@pytest.mark.parametrize("rank", [4, 12, 30])
def test_cp_errs_as_tensorlys(rank: int) -> None:
    weight = kernel(24, 16)
    ours = error(torch.einsum("or,ir,hr,wr->oihw", *cp(weight, rank)), weight)
    found = tensorly.decomposition.parafac(weight.numpy(), rank=rank, init="svd", n_iter_max=100, random_state=0)
    oracle = torch.from_numpy(np.asarray(tensorly.cp_to_tensor(found)))
    assert ours <= 1.01 * error(oracle, weight)


def test_the_energy_rank_is_the_least_that_holds_the_share() -> None:
    energies = torch.tensor([1.0, 6.0, 3.0])
    assert [energy_rank(energies, share) for share in (0.5, 0.6, 0.61, 0.9, 0.91, 1.0)] == [1, 1, 2, 2, 3, 3]
