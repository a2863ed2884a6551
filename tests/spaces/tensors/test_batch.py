"""Several named tensors are sliced as one is; one tensor stays itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parefront.spaces.tensors.batch import Batch, joined, mapped, named, to_arrays, to_tensors, unnamed


@pytest.fixture
def batch() -> Batch[torch.Tensor]:
    return Batch({"image": torch.arange(12.0).view(6, 2), "count": torch.arange(6)})


def test_its_length_is_the_number_of_samples(batch: Batch[torch.Tensor]) -> None:
    assert len(batch) == 6


def test_a_slice_takes_the_same_samples_of_every_tensor(batch: Batch[torch.Tensor]) -> None:
    part = batch[2:4]
    assert len(part) == 2
    assert part["image"].tolist() == [[4, 5], [6, 7]]
    assert part["count"].tolist() == [2, 3]


def test_indices_take_samples_in_their_order(batch: Batch[torch.Tensor]) -> None:
    assert batch[torch.tensor([5, 0])]["count"].tolist() == [5, 0]


def test_it_is_not_iterated_over_by_mistake(batch: Batch[torch.Tensor]) -> None:
    with pytest.raises(TypeError, match="no one order"):
        list(batch)


def test_one_tensor_is_no_batch() -> None:
    tensor = torch.ones(3)
    assert unnamed({"input": tensor}) is tensor
    assert named(tensor, "input") == {"input": tensor}
    assert mapped(lambda part: part + 1, tensor).tolist() == [2, 2, 2]  # type: ignore[union-attr]


def test_batches_are_joined_along_the_samples(batch: Batch[torch.Tensor]) -> None:
    whole = joined([batch[:1], batch[3:]])
    assert isinstance(whole, Batch)
    assert whole["count"].tolist() == [0, 3, 4, 5]
    assert torch.equal(joined([torch.ones(1), torch.zeros(2)]), torch.tensor([1.0, 0, 0]))  # type: ignore[arg-type]


def test_arrays_become_tensors_and_only_floating_point_numbers_change_their_type() -> None:
    arrays = Batch({"a": np.ones(2), "b": np.ones(2, np.int64), "c": np.ones(2, bool)})
    tensors = to_tensors(arrays)
    assert isinstance(tensors, Batch)
    assert [part.dtype for part in tensors.parts.values()] == [torch.float32, torch.int64, torch.bool]
    back = to_arrays(tensors)
    assert isinstance(back, Batch)
    assert [part.dtype for part in back.parts.values()] == [np.float32, np.int64, np.bool_]
