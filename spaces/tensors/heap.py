"""What tensors have freed stays with the process, so that the next ones get pages that are there already."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""From ``malloc.h`` of the GNU C library."""
MOST = 2**31 - 1


@cache
def keep_freed_memory() -> None:
    """Have all that is allocated from here on taken from the heap, which is not made smaller.

    By default the GNU C library asks the system for each tensor above 32 MiB, and gives it back when the tensor is
    freed. The pages of the next one are then made and cleared anew, which takes more time than the arithmetic of a
    network at 224 px does. Other C libraries are left as they are.
    """
    library = _c_library()
    if hasattr(library, "mallopt"):
        library.mallopt(M_TRIM_THRESHOLD, MOST)
        if not library.mallopt(M_MMAP_THRESHOLD, MOST):  # before 2.35 no threshold may be above 32 MiB
            library.mallopt(M_MMAP_MAX, 0)


def give_back_freed_memory() -> None:
    """Give back to the system what is free."""
    library = _c_library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _c_library() -> Any:
    try:
        return ctypes.CDLL(None)
    except TypeError:  # Windows has no library of the process itself
        return None
