"""Copies that share memory until they are written to: as safe as clones, and no array makes one of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parefront.spaces.tensors.sharing import SHARED_BYTES, copy_on_write, to_array

COUNT = SHARED_BYTES // 4


def large() -> Tensor:
    return torch.arange(COUNT, dtype=torch.float32)


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("written", ["the copy", "its data", "a view of it", "the original"])
def test_what_is_written_into_one_is_not_in_the_other(written: str) -> None:
    original = nn.Parameter(large())
    copy = nn.Parameter(copy_on_write(original))
    with torch.no_grad():
        if written == "the copy":
            copy.mul_(2)
        elif written == "its data":
            copy.data[3:] = -1
        elif written == "a view of it":
            copy.view(-1, 2)[0] = 7
        else:
            original.add_(1)
    changed, kept = (original, copy) if written == "the original" else (copy, original)
    assert torch.equal(kept.detach(), large())
    assert not torch.equal(changed.detach(), large())


def test_a_copy_takes_no_memory_until_it_is_written_to() -> None:
    original = torch.ones(32 << 20)
    before = resident_bytes()
    copies = [copy_on_write(original) for _ in range(4)]
    arrays = [to_array(copy) for copy in copies]
    assert all(float(array[::4096].sum()) == 8192 for array in arrays)
    assert resident_bytes() - before < original.nbytes / 4
    copies[0].mul_(2)
    assert resident_bytes() - before > original.nbytes / 2


def test_an_array_keeps_its_values_whatever_becomes_of_the_tensor() -> None:
    original = large()
    copy = copy_on_write(original)
    array = to_array(copy)
    copy.zero_()
    original.zero_()
    del copy, original
    assert np.array_equal(array, np.arange(COUNT, dtype=np.float32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.int8, torch.uint8, torch.bool])
def test_arrays_have_the_tensor_s_type_shape_and_order(dtype: torch.dtype) -> None:
    original = torch.arange(8 * SHARED_BYTES).reshape(8, -1).to(dtype)
    array = to_array(copy_on_write(original).T)
    assert array.shape == (SHARED_BYTES, 8)
    assert array.dtype == original.numpy().dtype
    assert np.array_equal(array, original.numpy().T)


def test_memory_that_is_not_torch_s_is_copied_at_once() -> None:
    held = np.arange(COUNT, dtype=np.float32)
    copy = copy_on_write(torch.from_numpy(held))
    held[:] = 0
    assert torch.equal(copy, large())


def test_small_tensors_are_copied_at_once() -> None:
    original = torch.ones(3)
    assert copy_on_write(original).data_ptr() != original.data_ptr()
