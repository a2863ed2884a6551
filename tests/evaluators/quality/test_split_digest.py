"""The digest of a split: equal for equal samples, another for any other sample, bounded in what it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from parefront.evaluators.quality.split_digest import Digester, digest_of, digested_indices
from parefront.spaces.errors import TaskError


@pytest.fixture
def images() -> Tensor:
    return torch.rand(20, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(20) % 5


def test_equal_samples_have_one_digest_whatever_they_are_read_from(images: Tensor, labels: Tensor) -> None:
    whole = TensorDataset(images, labels)
    backwards = Subset(TensorDataset(images.flip(0), labels.flip(0)), list(range(19, -1, -1)))
    listed = [(image, int(label)) for image, label in zip(images, labels, strict=True)]

    digests = {digest_of(dataset).sha256 for dataset in (whole, backwards, listed)}

    assert len(digests) == 1


CHANGES: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "labels shifted by one": lambda x, y: (x, (y + 1) % 5),
    "one pixel": lambda x, y: (x.index_put((torch.tensor(19),), x[19] + 1e-6), y),
    "two samples exchanged": lambda x, y: (x[[1, 0, *range(2, 20)]], y[[1, 0, *range(2, 20)]]),
    "another dtype": lambda x, y: (x, y.int()),
    "another shape": lambda x, y: (x.reshape(20, 3, 16), y),
    "one sample less": lambda x, y: (x[:-1], y[:-1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_gives_another_digest(images: Tensor, labels: Tensor, change: str) -> None:
    changed = TensorDataset(*CHANGES[change](images, labels))

    assert digest_of(changed).sha256 != digest_of(TensorDataset(images, labels)).sha256


class Counting:
    """A thousand images of 16 bytes that counts what is read of it."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        self.read.append(index)
        return torch.full((4,), float(index)), index


def test_of_a_large_split_evenly_spread_samples_are_read_and_their_number_is_told() -> None:
    dataset = Counting()

    digest = digest_of(dataset, limit=240)

    assert (digest.samples, digest.of, digest.is_sampled) == (10, 1000, True)
    assert dataset.read[-10:] == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]
    assert len(dataset.read) == 11
    assert digest == digest_of(Counting(), limit=240)


def test_a_split_within_the_limit_is_digested_whole() -> None:
    assert len(digested_indices(Counting(), limit=24_000)) == 1000


def test_nested_targets_are_digested_by_their_contents() -> None:
    def digest(boxes: Any) -> str:
        return digest_of([(torch.zeros(2), {"boxes": boxes, "name": "cat", "area": [1.5, None]})]).sha256

    assert digest(torch.ones(2, 4)) == digest(torch.ones(2, 4))
    assert digest(torch.ones(2, 4)) != digest(torch.ones(1, 4))


def test_what_has_no_bytes_of_its_own_is_named() -> None:
    with pytest.raises(TaskError, match=r"^task.test: sample 1: expected tensors, arrays, .* got object$"):
        digest_of([(torch.zeros(2), 0), (torch.zeros(2), object())], name="task.test")


def test_equal_inputs_are_found_whatever_their_targets() -> None:
    digester = Digester(3)
    for index, (image, label) in enumerate([(torch.zeros(2), 0), (torch.ones(2), 0), (torch.zeros(2), 1)]):
        digester.add(index, image, label)

    first, second, third = digester.inputs.tolist()

    assert first == third != second
