"""The number format that networks are run in while one of them is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

FLOAT32, BFLOAT16 = "float32", "bfloat16"


def in_precision(precision: str) -> AbstractContextManager[None]:
    """Convolutions and products of matrices are computed in ``float32``, or in ``bfloat16`` from float32 weights."""
    context: AbstractContextManager[None] = torch.autocast("cpu", torch.bfloat16, enabled=precision == BFLOAT16)
    return context
