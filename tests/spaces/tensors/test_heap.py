"""Large tensors that follow each other are given pages once."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

import pytest
import torch

from parefront.spaces.tensors.heap import give_back_freed_memory, keep_freed_memory

from ...forked import forked

MIB = 2**20

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not the GNU C library")


def pages_of_tensors() -> None:
    keep_freed_memory()
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(64, MIB // 4)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


def test_a_tensor_gets_the_pages_of_one_before(tmp_path: Path) -> None:
    output = tmp_path / "pages"
    assert forked(pages_of_tensors, output=output) == 0
    first, *others = map(int, output.read_text().split())
    assert first > 100
    assert sum(others) < 2 * first  # small ones may lie in the way of the second, and of no other


def test_what_is_free_is_given_back() -> None:
    held = [bytearray(MIB // 16) for _ in range(1600)]  # below the size that the system is asked for by itself
    before = _resident()
    del held
    give_back_freed_memory()
    assert before - _resident() > 50 * MIB


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
