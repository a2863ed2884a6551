"""A split is scored on the same arrays whether it is stacked or read batch by batch, and large ones are never held."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from parefront.evaluators.quality import split_samples
from parefront.evaluators.quality.accuracy import split_inputs
from parefront.evaluators.quality.split_samples import SplitSamples
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Dataset
from parefront.spaces.tensors.batch import alone

SIZE = 64
IMAGE_BYTES = 3 * SIZE * SIZE * 4


class Computed:
    """Images that are made when they are read, and not kept."""

    def __init__(self, count: int) -> None:
        self.count, self.reads = count, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        self.reads += 1
        return torch.full((3, SIZE, SIZE), float(index)), index % 7


def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_samples, "STACKED_BYTES", 0)
    monkeypatch.setattr(split_samples, "COPIED_BYTES", 0)


def tensors(dataset: Dataset) -> TensorDataset:
    inputs, targets = zip(*(dataset[index] for index in range(len(dataset))), strict=True)
    return TensorDataset(torch.stack(inputs), torch.tensor(targets))


def test_all_ways_of_reading_give_equal_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.random.default_rng(0).permutation(50)[:40]
    lazy = Computed(50)
    ways = [SplitSamples(lazy, order), SplitSamples(Subset(tensors(lazy), range(50)), order)]
    streamed(monkeypatch)
    ways.append(SplitSamples(lazy, order))

    for samples in ways:
        assert len(samples) == 40
        assert alone(samples.inputs(10, 30))[:, 0, 0, 0].tolist() == order[10:30].tolist()
        assert alone(samples.inputs(10, 30)).dtype == np.float32
        assert alone(samples.part(10, 30)[5:90])[:, 1, 2, 3].tolist() == order[15:30].tolist()
        assert np.asarray(samples.targets(0, 40)).tolist() == (order % 7).tolist()


def test_small_splits_are_read_once_and_large_ones_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads() -> int:
        lazy = Computed(50)
        samples = SplitSamples(lazy, np.arange(50))
        for _ in range(3):
            assert sum(len(samples.inputs(start, start + 10)) for start in range(0, 50, 10)) == 50
        return lazy.reads

    assert reads() == 2 + 50
    streamed(monkeypatch)
    assert reads() == 2 + 3 * 50


def test_targets_are_known_after_the_first_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    streamed(monkeypatch)
    lazy = Computed(50)
    samples = SplitSamples(lazy, np.arange(50))
    samples.inputs(0, 50)
    before = lazy.reads

    assert np.asarray(samples.targets(0, 50)).tolist() == [index % 7 for index in range(50)]
    assert lazy.reads == before


def peak_of(work: Any) -> int:
    """Most bytes that numpy and Python hold at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("targets_first", [True, False])
def test_a_streamed_split_takes_the_memory_of_a_batch(monkeypatch: pytest.MonkeyPatch, targets_first: bool) -> None:
    streamed(monkeypatch)

    def score() -> None:
        samples = SplitSamples(Computed(500), np.arange(500))
        if targets_first:
            samples.targets(0, 500)
        part = samples.part(0, 500)
        for start in range(0, 500, 10):
            assert len(part[start : start + 10]) == 10
        samples.targets(0, 500)

    assert peak_of(score) < 30 * IMAGE_BYTES


@pytest.mark.parametrize("stack", [lambda d: SplitSamples(d, np.arange(200)), split_inputs])
def test_stacking_holds_the_samples_once(stack: Any) -> None:
    assert 200 * IMAGE_BYTES < peak_of(lambda: stack(Computed(200))) < 1.1 * 200 * IMAGE_BYTES


def test_what_a_dataset_has_in_memory_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_samples, "COPIED_BYTES", 0)
    held = tensors(Computed(100))
    listed = [held[index] for index in range(100)]

    for dataset in (held, Subset(held, range(100)), listed):
        assert peak_of(lambda dataset=dataset: SplitSamples(dataset, np.arange(100)).inputs(0, 5)) < 20 * IMAGE_BYTES


def test_a_bad_sample_of_a_large_split_is_named_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    streamed(monkeypatch)
    images = [(torch.full((2,), np.nan if index == 7 else 0.0), 0) for index in range(10)]

    with pytest.raises(TaskError, match=r"task.test: sample 7 holds NaN or infinite values"):
        SplitSamples(images, np.arange(10)[::-1], "task.test").inputs(0, 5)


def test_samples_of_two_shapes_are_named() -> None:
    ragged = [(torch.zeros(2), torch.zeros(3)), (torch.zeros(2), torch.zeros(4))]

    with pytest.raises(TaskError, match=r"task.search: sample 1 has an array of shape \(4,\), others have \(3,\)"):
        SplitSamples(ragged, np.arange(2), "task.search")


def test_targets_of_two_types_lose_nothing() -> None:
    mixed = [(torch.zeros(2), 1), (torch.zeros(2), 0.5)]

    assert np.asarray(SplitSamples(mixed, np.arange(2)).targets(0, 2)).tolist() == [1.0, 0.5]


BOXES = [(torch.zeros(2), {"boxes": torch.zeros(index % 3, 4), "labels": [index] * (index % 3)}) for index in range(10)]


def test_ragged_targets_are_lists_of_what_the_dataset_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.arange(10)[::-1].copy()
    stacked = SplitSamples(BOXES, order)
    streamed(monkeypatch)
    read = SplitSamples(BOXES, order)
    monkeypatch.setattr(split_samples, "TARGET_BYTES", 0)
    for samples in (stacked, read, SplitSamples(BOXES, order)):
        targets = samples.read(2, 6)[1]
        assert isinstance(targets, list)
        assert [target["labels"] for target in targets] == [[7], [], [5, 5], [4]]
        assert [target["boxes"].shape for target in samples.targets(0, 3)] == [(0, 4), (2, 4), (1, 4)]


def test_targets_of_two_kinds_are_named() -> None:
    mixed = [(torch.zeros(2), torch.zeros(3)), (torch.zeros(2), [torch.zeros(3)])]
    with pytest.raises(TaskError, match=r"task.test: the target of sample 1 is a list, others are arrays"):
        SplitSamples(mixed, np.arange(2), "task.test")
