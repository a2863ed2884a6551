"""Splits that share samples or are very small are told of in one line, with what follows for the numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.data import Subset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from parefront.spaces.task import Task
from parefront.task_check.validate import check_task


@pytest.fixture
def images() -> TensorDataset:
    return TensorDataset(torch.rand(600, 1, 8, 8), torch.arange(600) % 4)


@pytest.fixture
def sound(small_task: Task, images: TensorDataset) -> Task:
    return replace(
        small_task, calibration=part(images, 0, 200), search=part(images, 200, 400), test=part(images, 400, 600)
    )


def part(dataset: TensorDataset, start: int, end: int) -> Subset[tuple[torch.Tensor, ...]]:
    return Subset(dataset, range(start, end))


def test_nothing_is_said_of_sound_splits(sound: Task) -> None:
    assert check_task(sound).warnings == ()


def test_one_object_as_search_and_test_split_is_no_test(sound: Task) -> None:
    (warning,) = check_task(replace(sound, test=sound.search)).warnings

    assert warning == (
        "the search and the test split are the same 200 samples: the front is chosen on these, so what the test split "
        "says is no test"
    )


def test_a_subset_of_equal_indices_is_the_same_split(sound: Task, images: TensorDataset) -> None:
    (warning,) = check_task(replace(sound, calibration=part(images, 200, 400))).warnings

    assert warning.startswith("the calibration and the search split are the same 200 samples: networks are fitted")


def test_samples_that_two_splits_share_are_counted(sound: Task, images: TensorDataset) -> None:
    listed = [images[index] for index in range(390, 600)]

    (warning,) = check_task(replace(sound, test=listed)).warnings

    assert warning.startswith("10 of the 210 inputs of the test split are in the search split, too: the front is")


def test_images_that_the_model_was_trained_on_are_no_search_split(sound: Task, images: TensorDataset) -> None:
    (warning,) = check_task(replace(sound, train=part(images, 0, 300))).warnings

    assert warning.startswith("100 of the 200 inputs of the search split are in the train split, too: the model was")


def test_one_object_for_all_splits_is_told_of_once_for_each_consequence(sound: Task) -> None:
    said = check_task(replace(sound, calibration=sound.search, test=sound.search)).warnings

    assert [warning.split(":")[0] for warning in said] == [
        "the search and the test split are the same 200 samples",
        "the calibration and the search split are the same 200 samples",
    ]


def test_few_samples_for_a_metric_of_the_users_own_are_told_of_without_points(
    sound: Task, images: TensorDataset
) -> None:
    own = replace(sound, metric=MulticlassAccuracy(4), test=part(images, 400, 450))

    assert check_task(own).warnings == ("the test split has 50 samples: scores on so few have wide intervals",)


def test_of_five_images_the_interval_is_told(sound: Task, images: TensorDataset) -> None:
    few = replace(sound, calibration=part(images, 0, 5), search=part(images, 200, 205))

    assert check_task(few).warnings == (
        "the search split has 5 samples: an accuracy on it is known to ±33 points",
        "the calibration split has 5 samples: what is fitted to so few may not hold for others; 256 are a good number",
    )
