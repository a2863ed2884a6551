"""PyTorch is on one thread for a while, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from parefront.spaces.tensors.one_thread import one_thread


@pytest.fixture(autouse=True)
def three_threads(on_threads: Callable[[int], None]) -> None:
    on_threads(3)


def test_it_is_for_a_while_only() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_it_ends_with_an_error() -> None:
    @one_thread()
    def fail() -> None:
        raise RuntimeError(f"on {torch.get_num_threads()}")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="on 1"):
            fail()
        assert torch.get_num_threads() == 3
