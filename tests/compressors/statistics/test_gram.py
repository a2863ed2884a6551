"""A matrix times itself by halves: as exact as the whole product, symmetric, and the same each time."""

from __future__ import annotations

import pytest
import torch

from parefront.compressors.statistics.gram import gram
from parefront.spaces.tensors.one_thread import one_thread


@pytest.mark.parametrize(("count", "width"), [(4608, 576), (2304, 300), (700, 129), (1000, 264), (2310, 387), (5, 1)])
@one_thread()
def test_it_is_as_exact_as_the_whole_product_and_symmetric(count: int, width: int) -> None:
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(0)).relu_()
    exact = rows.double().T @ rows.double()
    ours, whole = (float((found - exact).abs().max() / exact.max()) for found in (gram(rows), rows.T @ rows))
    assert ours <= max(1.5 * whole, 1e-7)
    assert torch.equal(gram(rows), gram(rows.clone()))
    if width >= 192:
        assert torch.equal(gram(rows), gram(rows).T)
