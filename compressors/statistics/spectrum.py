"""A covariance and its eigendecomposition, which is computed when it is first asked for and then kept."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from .gram import gram

RIDGE = 1e-2
"""Added to a covariance before its root is taken, relative to the mean variance, so that what was never seen counts."""

SINGLE = 512
"""From so many channels on eigenvectors are computed in single precision: they take a third of the time."""

KEPT = 4096
"""Most channels of which both roots are kept; of more, 134 MB and up for two, they are worked out each time."""


def moments_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(n,)`` and covariance ``(n, n)`` of rows ``(samples, n)``."""
    mean = rows.mean(0)
    centred = rows - mean
    return mean, gram(centred) / len(rows)


class Spectrum:
    """The eigendecomposition of a symmetric ``matrix`` ``(n, n)`` without negative eigenvalues."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix

    def of(self, channels: Tensor) -> Spectrum:
        """That of some channels only (int64 indices); itself where these are all, in order."""
        size = len(self.matrix)
        if len(channels) == size and torch.equal(channels, torch.arange(size)):
            return self
        return Spectrum(self.matrix[channels][:, channels])

    @property
    def values(self) -> Tensor:
        """Eigenvalues ``(n,)``, the largest first, none below zero."""
        return self._decomposed[0]

    @property
    def vectors(self) -> Tensor:
        """Eigenvectors in columns ``(n, n)``, in the order of the values."""
        return self._decomposed[1]

    @property
    def root(self) -> tuple[Tensor, Tensor]:
        """The symmetric square root, ridge added, and its inverse; kept of matrices that are not large."""
        return self._root if len(self.matrix) <= KEPT else self._rooted()

    @cached_property
    def _root(self) -> tuple[Tensor, Tensor]:
        return self._rooted()

    def _rooted(self) -> tuple[Tensor, Tensor]:
        values = self.values + RIDGE * float(self.values.mean()) + 1e-12
        scale = values.sqrt()
        return (self.vectors * scale) @ self.vectors.T, (self.vectors / scale) @ self.vectors.T

    @cached_property
    def _decomposed(self) -> tuple[Tensor, Tensor]:
        exact = self.matrix if len(self.matrix) >= SINGLE else self.matrix.double()
        values, vectors = torch.linalg.eigh(exact)
        return values.flip(0).clamp_min(0).float(), vectors.flip(1).float()
