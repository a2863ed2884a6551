"""Batches of a loader come by their number, in its own order, and are the same when they are asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from parefront.compressors.recovery.batches.loaded import Loaded
from parefront.compressors.recovery.batches.sources import Labelled
from parefront.spaces.errors import TaskError


class Jittered(Dataset[tuple[Tensor, int]]):
    """Sample ``i`` is ``i`` and a random number of torch's."""

    def __len__(self) -> int:
        return 22

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.cat([torch.tensor([float(index)]), torch.rand(1)]), index


def read(given: Any) -> Labelled:
    inputs, labels = given
    return inputs, labels


def loaded(seed: int = 0, **settings: Any) -> Loaded:
    return Loaded(DataLoader(Jittered(), batch_size=5, **settings), read, seed)


def inputs(source: Loaded, epoch: int, place: int) -> Tensor:
    given = source.batch(epoch, place)[0]
    assert isinstance(given, Tensor)
    return given


def labels(source: Loaded, epoch: int, place: int) -> list[int]:
    given = source.batch(epoch, place)[1]
    assert given is not None
    return given.tolist()


def test_the_loader_decides_on_order_and_size() -> None:
    source = loaded()
    assert source.batches == 5
    assert [labels(source, 0, place) for place in range(5)] == [*([*range(k, k + 5)] for k in (0, 5, 10, 15)), [20, 21]]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_is_the_same_whenever_it_is_asked_for(workers: int) -> None:
    one, other = loaded(shuffle=True, num_workers=workers), loaded(shuffle=True, num_workers=workers)
    there = [inputs(one, 0, place) for place in range(5)]
    for place in (3, 1, 1, 4):
        assert torch.equal(inputs(other, 0, place), there[place])


def test_every_epoch_has_an_order_of_its_own_that_the_seed_decides_on() -> None:
    source, other = loaded(shuffle=True), loaded(seed=1, shuffle=True)
    epochs = [[n for place in range(5) for n in labels(source, epoch, place)] for epoch in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(22))
    assert epochs[0] != epochs[1]
    assert epochs[0][:5] != labels(other, 0, 0)
    assert labels(source, 0, 0) == epochs[0][:5]


def test_random_numbers_outside_go_on_as_if_nothing_was_read() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    source = loaded(shuffle=True)
    source.batch(0, 2)
    assert torch.equal(torch.rand(2), wanted)


def test_a_loader_without_a_length_without_batches_or_shorter_than_it_says_is_refused() -> None:
    class Endless(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(range(10))

    class Longer(Endless):
        def __len__(self) -> int:
            return 30

    with pytest.raises(TaskError, match=r"task\.train: expected a DataLoader that can tell how many batches"):
        Loaded(DataLoader(Endless()), read)
    with pytest.raises(TaskError, match="gives no batch"):
        Loaded(DataLoader(TensorDataset(torch.ones(3, 1)), batch_size=5, drop_last=True), read)
    source = Loaded(DataLoader(Longer(), batch_size=5), lambda given: (given, None))
    with pytest.raises(TaskError, match="ended after 2 batches, and said that it has 6"):
        source.batch(0, 4)
