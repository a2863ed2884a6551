"""A matrix times itself by halves: every bit as in the whole product."""

from __future__ import annotations

import pytest
import torch

from parefront.compressors.statistics.gram import gram
from parefront.spaces.tensors.one_thread import one_thread


@pytest.mark.parametrize(("count", "width"), [(4608, 576), (2304, 300), (700, 129), (1000, 264), (2310, 387), (5, 1)])
@one_thread()
def test_it_is_the_whole_product_to_the_last_bit(count: int, width: int) -> None:
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(0)).relu_()
    assert torch.equal(gram(rows), rows.T @ rows)
