"""Hooks for the time of a pass: registered, run under, and removed whatever happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch.utils.hooks import RemovableHandle


@contextmanager
def watching(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Run what is inside with the hooks of ``handles``, and without gradients; then remove them."""
    held = list(handles)
    try:
        with torch.no_grad():
            yield
    finally:
        for handle in held:
            handle.remove()
