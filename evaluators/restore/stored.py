"""Weights that a file does not hold as plain floats: what is trained of them, and what they are in the computation."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from ...compressors.latent import straight_through
from .contents import Code, Contents, Table

LARGEST_BIAS = 2**30
"""Of a bias in int32: with a greater one, sums of products could be too large for that type."""


class StoredWeight(nn.Module, ABC):
    """A weight with a form of its own in the file. Called, it gives the weight that the file's layer computes with."""

    @abstractmethod
    def forward(self) -> Tensor:
        """The weight; gradients flow to what is trained of it."""

    @abstractmethod
    def content(self) -> np.ndarray:
        """The initialiser that the file holds for it as it is trained."""


class RoundedWeight(StoredWeight):
    """Integers times a scale, trained as floats that are rounded in every forward pass.

    The gradient passes the rounding unchanged, a straight-through estimator (Bengio, Léonard, Courville 2013,
    "Estimating or Propagating Gradients Through Stochastic Neurons", section 4), and is zero where the float is more
    than half a step beyond the range. The range is that of the integers in the file, so that what was kept within 7
    bits, is ternary or is binary stays so; the scales are the file's.

    Attributes:
        latent: the floats that are trained; at first the values that the integers stand for.
        scale: step between two integers, broadcast to the weight.
        codes: the integers of the file.
        levels: the integers that are possible, ascending, where these are not all of a range.
        mask: False where the file holds no integer, so that the weight stays zero.
    """

    scale: Tensor
    zero_point: Tensor
    codes: Tensor
    levels: Tensor | None
    mask: Tensor | None

    def __init__(self, contents: Contents, scale: np.ndarray, zero_point: np.ndarray | int = 0) -> None:
        super().__init__()
        self.code: Code = contents.code
        codes = torch.from_numpy(np.array(contents.array))
        scale = np.where(scale == 0, np.ones_like(scale), scale)  # of zeros, whatever their scale is
        steps, zero = (torch.from_numpy(np.array(given)) for given in (scale, zero_point))
        mask = None if contents.mask is None else torch.from_numpy(contents.mask.copy())
        self.low, self.high = _limits(contents.array, zero_point)
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("scale", steps, persistent=False)
        self.register_buffer("zero_point", zero, persistent=False)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("levels", _levels(contents), persistent=False)
        self.latent = nn.Parameter(self._values(codes.float()))

    def forward(self) -> Tensor:
        weight = self._values(self._rounded())
        return weight if self.mask is None else weight * self.mask

    def content(self) -> np.ndarray:
        with torch.no_grad():
            untouched = self.latent == self._values(self.codes.to(self.latent.dtype))
            rounded = self._rounded().to(torch.int64).clamp(self.low, self.high)
            integers = torch.where(untouched, self.codes.to(torch.int64), rounded)
            if self.mask is not None:
                integers = integers * self.mask
        return self.code.encode(integers.to(self.codes.dtype).cpu().numpy())

    def extra_repr(self) -> str:
        kind = str(self.codes.dtype).removeprefix("torch.")
        levels = f", {len(self.levels)} levels" if self.levels is not None else f", {self.low} to {self.high}"
        return f"{tuple(self.latent.shape)}, {kind}{levels}{'' if self.mask is None else ', sparse'}"

    def _rounded(self) -> Tensor:
        """The integers as floats of the weight's shape."""
        place = self.latent / self.scale + self.zero_point
        if self.levels is None:
            return round_to_range(place, self.low, self.high)
        between = (self.levels[1:] + self.levels[:-1]) / 2
        nearest = self.levels[torch.bucketize(place.detach(), between)]
        return _with_gradient(nearest, place, self.low, self.high)

    def _values(self, integers: Tensor) -> Tensor:
        return (integers - self.zero_point) * self.scale


class SparseWeight(StoredWeight):
    """Floats of which the file holds those that are not zero; the others stay zero."""

    mask: Tensor

    def __init__(self, contents: Contents) -> None:
        super().__init__()
        assert contents.mask is not None
        self.code = contents.code
        self.register_buffer("mask", torch.from_numpy(contents.mask.copy()), persistent=False)
        self.latent = nn.Parameter(torch.from_numpy(contents.array.copy()))

    def forward(self) -> Tensor:
        return self.latent * self.mask

    def content(self) -> np.ndarray:
        return self.code.encode((self.latent * self.mask).detach().float().cpu().numpy())

    def extra_repr(self) -> str:
        return f"{tuple(self.latent.shape)}, {int(self.mask.sum())} not zero"


class SharedWeight(StoredWeight):
    """Floats that share a few values. The values are trained; which element has which, and what is zero, stays.

    Han, Mao, Dally 2016, "Deep Compression", section 3.3. Deviation: the gradient of a value is the mean of those of
    its elements, not their sum. That is the step that the elements would make by themselves, projected on what the
    table can express, so that one learning rate suits this weight and others.

    Attributes:
        values: shape ``(k,)``.
        indices: of each element's value; the weight's shape.
    """

    indices: Tensor
    share: Tensor

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.from_numpy(table.values.copy()))
        self.register_buffer("indices", torch.from_numpy(table.indices.astype(np.int64)), persistent=False)
        counts = np.bincount(table.indices.reshape(-1), minlength=len(table.values))
        share = np.where(table.values != 0, 1 / np.maximum(counts, 1), 0).astype(table.values.dtype)
        self.register_buffer("share", torch.from_numpy(share), persistent=False)

    def forward(self) -> Tensor:
        values = self._values()
        return (values + (self.values - self.values.detach()) * self.share)[self.indices]

    def content(self) -> np.ndarray:
        return np.asarray(self._values().float().cpu().numpy())

    def extra_repr(self) -> str:
        return f"{tuple(self.indices.shape)}, {len(self.values)} values"

    def _values(self) -> Tensor:
        """The values, zero where it is zero in the file."""
        return self.values.detach() * (self.share != 0)


def round_to_range(place: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """``place`` rounded to the nearest integer (halves to even) from ``low`` to ``high``; its gradient is that of
    ``place``, or zero more than half a step beyond the range."""
    return _with_gradient(_clamp(torch.round(place.detach()), low, high), place, low, high)


def _with_gradient(value: Tensor, place: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """``value``, exactly, with the gradient of ``place`` within the range, and zero beyond it."""
    return straight_through(_clamp(place, low - 0.5, high + 0.5), value.detach())


def _clamp(place: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    return torch.clamp(place, low, high)  # type: ignore[arg-type]


def _limits(codes: np.ndarray, zero_point: np.ndarray | int) -> tuple[int, int]:
    """The range of integers as far from the zero point as those in use; just the zero point where all are it."""
    bounds = np.iinfo(codes.dtype)
    middle = np.asarray(zero_point, np.int64)
    distance = int(np.abs(codes.astype(np.int64) - middle).max(initial=0))
    if codes.dtype == np.int32:
        distance = max(distance, LARGEST_BIAS)
    return max(int(bounds.min), int(middle.min()) - distance), min(int(bounds.max), int(middle.max()) + distance)


def _levels(contents: Contents) -> Tensor | None:
    """The integers that are possible, where these are not all of a range: those of a table, or −1 and 1."""
    codes = contents.array
    if contents.table is not None:
        return torch.from_numpy(np.unique(contents.table.values).astype(np.float32))
    binary = codes.dtype == np.int8 and codes.size > 0 and bool((np.abs(codes) == 1).all())
    return torch.tensor([-1.0, 1.0]) if binary else None
