"""Every sample of a split is looked at, wherever it is read from; what is wrong is told with its index."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

from parefront.evaluators.quality import split_digest
from parefront.evaluators.quality.split_digest import digest_of
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Dataset, Task
from parefront.spaces.tensors.signature import InputForm
from parefront.task_check import split_check
from parefront.task_check.input_check import InputCheck
from parefront.task_check.split_check import SeenSplit, SplitCheck
from parefront.task_check.validate import check_task

COUNT = 3_000
BAD = 2_345


def silent(_: str) -> None:
    pass


INPUTS = InputCheck(InputForm.bare(), {"input": ((1, 2, 2), torch.float32)})


class Lazy:
    """Samples read one by one, changed by a function of index, image and label."""

    def __init__(self, change: Callable[[int, Tensor, Any], tuple[Tensor, Any]], count: int = COUNT) -> None:
        self.images, self.change = torch.rand(count, 1, 2, 2), change
        self.read = 0

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        self.read += 1
        return self.change(index, self.images[index], index % 4)


def check(dataset: Dataset, name: str = "test", classes: int | None = 4, scored: bool = True) -> SeenSplit:
    return SplitCheck(name, dataset, INPUTS, classes, scored, silent).run()


def with_nan(index: int, image: Tensor, label: int) -> tuple[Tensor, int]:
    return (torch.full_like(image, np.nan) if index == BAD else image), label


FAULTS: dict[str, tuple[Callable[[int, Tensor, Any], tuple[Tensor, Any]], str]] = {
    "NaN": (with_nan, f"task.test: sample {BAD} holds NaN or infinite values"),
    "label": (lambda i, x, y: (x, 4 if i == BAD else y), f"task.test: label 4 of sample {BAD} is out of range"),
    "negative label": (lambda i, x, y: (x, -1 if i == BAD else y), f"task.test: label -1 of sample {BAD} is out of"),
}


class OtherLength(Lazy):
    """Says another length each time that it is asked, or none."""

    def __init__(self, *lengths: Any) -> None:
        super().__init__(lambda i, x, y: (x, y), count=40)
        self.lengths = list(lengths)

    def __len__(self) -> int:
        length = self.lengths.pop(0) if len(self.lengths) > 1 else self.lengths[0]
        if isinstance(length, Exception):
            raise length
        return length  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("lengths", "says"),
    [
        ((40, 40, 30), "task.test: its length changes: 40 samples, then 30; expected one number"),
        ((20, 30, 40), "task.test: its length changes: 20 samples, then 40; expected one number"),
        ((50,), "task.test: sample 40 cannot be read: index 40 is out of bounds"),
        ((-1,), "task.test: its length cannot be told: ValueError: "),
        ((16.0,), "task.test: its length cannot be told: TypeError: "),
        ((RuntimeError("the archive is gone"),), "task.test: its length cannot be told: RuntimeError: the archive"),
    ],
)
def test_a_length_that_is_not_that_of_the_samples_is_refused(lengths: tuple[Any, ...], says: str) -> None:
    with pytest.raises(TaskError, match=re.escape(says)) as told:
        check(OtherLength(*lengths))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("tensors", [False, True], ids=["read one by one", "tensors"])
def test_one_wrong_sample_among_many_is_found_and_named(fault: str, tensors: bool) -> None:
    change, message = FAULTS[fault]
    dataset: Dataset = Lazy(change)
    if tensors:
        images, labels = zip(*(dataset[index] for index in range(COUNT)), strict=True)
        dataset = Subset(TensorDataset(torch.stack(images), torch.tensor(labels)), range(COUNT))

    with pytest.raises(TaskError, match=message):
        check(dataset)


def test_other_shapes_types_and_unreadable_samples_are_named_too() -> None:
    def fails(index: int, image: Tensor, label: int) -> tuple[Tensor, int]:
        if index == BAD:
            raise OSError("truncated file")
        return image, label

    changes: dict[str, Callable[[int, Tensor, Any], tuple[Tensor, Any]]] = {
        f"sample {BAD} has shape": lambda i, x, y: (x[:, :1] if i == BAD else x, y),
        f"sample {BAD}: expected a float32 tensor as input, got torch.uint8": lambda i, x, y: (
            x.byte() if i == BAD else x,
            y,
        ),
        f"sample {BAD} cannot be read: truncated file": fails,
    }
    for message, change in changes.items():
        with pytest.raises(TaskError, match=message):
            check(Lazy(change))


def test_targets_of_a_metric_of_the_users_own_are_numbers_of_one_shape() -> None:
    check(Lazy(lambda i, x, y: (x, torch.ones(3))), classes=None)
    with pytest.raises(TaskError, match=f"the target of sample {BAD} has shape .2,., others have .3,."):
        check(Lazy(lambda i, x, y: (x, torch.ones(2 if i == BAD else 3))), classes=None)
    with pytest.raises(TaskError, match="sample 0: expected a number or a tensor as target, got str"):
        check(Lazy(lambda i, x, y: (x, "cat")), classes=None)


@pytest.mark.parametrize("name", ["calibration", "search", "test"])
def test_a_random_transform_is_refused(name: str) -> None:
    flips = Lazy(lambda i, x, y: (x.flip(-1) if torch.rand(()) < 0.5 else x, y))

    with pytest.raises(TaskError, match=f"task.{name}: sample .* differs when it is read twice: a random transform"):
        check(flips, name)


def test_random_labels_are_refused() -> None:
    with pytest.raises(TaskError, match="differs when it is read twice"):
        check(Lazy(lambda i, x, y: (x, int(torch.randint(4, ())))))


def test_the_training_split_may_be_random_and_only_a_sample_of_it_is_read() -> None:
    augmented = Lazy(lambda i, x, y: (x + torch.rand(()), y), count=20_000)

    check(augmented, "train", scored=False)

    assert augmented.read < 2 * split_check.TRAIN_SAMPLES


def test_the_digest_made_while_checking_is_that_of_the_split() -> None:
    lazy = Lazy(lambda i, x, y: (x, y), count=300)
    held = TensorDataset(lazy.images, torch.arange(300) % 4)

    assert check(lazy).digest == check(held).digest == digest_of(lazy)


def test_a_split_too_large_to_be_read_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_digest, "LIMIT_SAMPLES", 100)
    lazy = Lazy(lambda i, x, y: (x, y))

    seen = check(lazy)

    assert (seen.digest.samples, seen.digest.of) == (100, COUNT)
    assert lazy.read < 200


def test_tensors_are_checked_whole_though_sampled_for_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_digest, "LIMIT_SAMPLES", 10)
    images = torch.rand(COUNT, 1, 2, 2)
    images[BAD] = torch.inf

    with pytest.raises(TaskError, match=f"sample {BAD} holds NaN"):
        check(TensorDataset(images, torch.zeros(COUNT).long()))


def test_long_reading_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_check, "PATIENCE_SECONDS", 1e-9)
    told: list[str] = []
    lazy = Lazy(lambda i, x, y: (x, y), count=50)

    SplitCheck("search", lazy, INPUTS, 4, True, told.append).run()

    assert told[0] == "checking the search split: 1 of 50 samples"
    assert told[-1] == "checking the search split: 50 of 50 samples"


def test_a_whole_task_gives_the_digests_of_its_splits(small_task: Task) -> None:
    checked = check_task(replace(small_task, train=small_task.search))

    assert checked.digests == dict.fromkeys(("calibration", "search", "test"), digest_of(small_task.search))
