"""PyTorch on one thread for a while: the way to the same last bits, whatever a process is given.

With another number of threads sums are added up in another order. Of PyTorch's operations on x86 that holds for
Cholesky, QR and eigenvalue decompositions, sums of whole tensors, products of tall matrices, gradients of weights, and
for the convolutions themselves where these are grouped, or 1 × 1 with many channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute on this thread alone, and then on as many as before; a decorator, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
