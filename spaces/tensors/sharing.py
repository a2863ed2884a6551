"""Copies of tensors that take no memory of their own until one of the two is written to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

SHARED_BYTES = 1 << 18
"""Tensors of fewer bytes are copied at once, which is as quick."""


def copy_on_write(tensor: Tensor) -> Tensor:
    """A copy, detached, that shares its memory with ``tensor`` until something is written into either of them.

    Whoever writes first gets memory of its own then; in-place operations are as safe as with a clone. A tensor whose
    memory torch has not allocated itself (NumPy's, a file's) is copied at once, and so is everything where this torch
    has no tensors of that kind.
    """
    held = tensor.detach()
    if held.nbytes >= SHARED_BYTES and held.device.type == "cpu" and held.layout == torch.strided:
        try:
            return torch._lazy_clone(held)
        except (AttributeError, RuntimeError):
            pass
    return held.clone()


def to_array(tensor: Tensor) -> np.ndarray:
    """The values of a tensor as an array, only to be read, without a copy where possible.

    ``Tensor.numpy`` would give a shared tensor memory of its own, since an array can be written to.
    """
    held = tensor.detach().cpu()
    if not _is_shared(held):
        return np.asarray(held.numpy())
    return np.asarray(_Read(torch._lazy_clone(held)))


def _is_shared(tensor: Tensor) -> bool:
    known = getattr(torch._C, "_is_cow_tensor", None)
    return known is not None and hasattr(torch._C, "_data_address") and bool(known(tensor))


class _Read:
    """What NumPy takes an array from; it keeps a copy of the tensor, and so the memory as it is."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        itemsize = tensor.element_size()
        self.__array_interface__: dict[str, Any] = {
            "version": 3,
            "typestr": torch.empty(0, dtype=tensor.dtype).numpy().dtype.str,
            "shape": tuple(tensor.shape),
            "strides": tuple(itemsize * step for step in tensor.stride()),
            "data": (torch._C._data_address(tensor), True),  # type: ignore[attr-defined]
        }
