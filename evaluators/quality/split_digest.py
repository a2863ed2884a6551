"""SHA-256 of a split: of all its inputs and targets, or of evenly spread ones where it is large."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...spaces.errors import TaskError
from ...spaces.messages import kind
from ...spaces.task import Dataset
from ..results.digest import SplitDigest
from .reading import Array, Indices, TensorPair, bytes_of, read_sample, samples, to_array

LIMIT_BYTES = 2 * 2**30
"""Of a split with more bytes than this, so many are digested."""
LIMIT_SAMPLES = 100_000
"""And so many samples at most: reading them takes time even where they are small."""


def digest_of(dataset: Dataset, limit: int = LIMIT_BYTES, name: str = "dataset") -> SplitDigest:
    """The digest of a map-style dataset of ``(input, target)``.

    Args:
        dataset: read once, one block in memory at a time.
        limit: bytes; where inputs and targets take more, evenly spread samples are digested that take about so many.
            Which these are depends on nothing but the length and sample 0.
        name: of the dataset in error messages, e.g. ``"task.search"``.

    Raises:
        TaskError: for a sample that cannot be read, or holds something else than tensors, arrays, numbers, text, and
            lists or mappings of these.
    """
    indices = digested_indices(dataset, limit, name)
    digester = Digester(len(dataset), name)
    for index, (image, target) in zip(indices.tolist(), samples(dataset, indices, name), strict=True):
        digester.add(index, image, target)
    return digester.result()


def digested_indices(dataset: Dataset, limit: int = LIMIT_BYTES, name: str = "dataset") -> Indices:
    """Which samples are digested: all, or evenly spread ones, the first and the last among them."""
    length = len(dataset)
    if length == 0:
        return np.arange(0)
    held = TensorPair.of(dataset)
    size = held.sample_bytes if held is not None else sum(map(bytes_of, read_sample(dataset, 0, name)))
    count = min(length, LIMIT_SAMPLES, max(2, limit // max(1, size)))
    return np.linspace(0, length - 1, count).round().astype(np.intp)


class Digester:
    """Takes the samples of a split one by one, in order.

    Args:
        length: of the split.
        name: of the dataset in error messages.
    """

    def __init__(self, length: int, name: str = "dataset") -> None:
        self._name, self._length = name, length
        self._whole = hashlib.sha256(b"split of %d samples\n" % length)
        self._inputs: list[bytes] = []

    def add(self, index: int, image: Any, target: Any) -> None:
        """One more sample; ``index`` is for error messages."""
        try:
            digest = digest_of_value(image)
            self._inputs.append(digest[:8])
            self._whole.update(digest)
            _feed(self._whole.update, target)
        except TypeError as error:
            raise TaskError(f"{self._name}: sample {index}: {error}") from error

    def result(self) -> SplitDigest:
        """The digest of what was added."""
        return SplitDigest(self._whole.hexdigest(), len(self._inputs), self._length)

    @property
    def inputs(self) -> NDArray[np.uint64]:
        """Eight bytes of each input's own digest, shape ``(samples,)``: equal inputs have equal ones."""
        return np.frombuffer(b"".join(self._inputs), np.uint64)


def digest_of_value(value: Any) -> bytes:
    """SHA-256 of an input or a target.

    Raises:
        TypeError: for what has no bytes of its own.
    """
    digest = hashlib.sha256()
    _feed(digest.update, value)
    return digest.digest()


def _feed(update: Callable[[Any], object], value: Any) -> None:
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        _feed_array(update, value)
    elif value is None or isinstance(value, str | bytes):
        update(f"{type(value).__name__} {value!r}\n".encode())
    elif isinstance(value, Mapping):
        update(b"mapping of %d\n" % len(value))
        for key in sorted(value, key=str):
            _feed(update, str(key))
            _feed(update, value[key])
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _feed(update, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    elif isinstance(value, list | tuple):
        update(b"sequence of %d\n" % len(value))
        for item in value:
            _feed(update, item)
    else:
        _feed_array(update, value)


def _feed_array(update: Callable[[Any], object], value: Any) -> None:
    array = _numbers(value)
    update(_header(array.dtype, array.shape))
    update(array.data if array.flags.c_contiguous else array.tobytes())


@lru_cache
def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    return f"{dtype.str} {shape}\n".encode()


def _numbers(value: Any) -> Array:
    if isinstance(value, torch.Tensor) and value.dtype is torch.bfloat16:
        value = value.float()
    array = to_array(value)
    if array.dtype.hasobject:
        raise TypeError(f"expected tensors, arrays, numbers or text, or lists and dicts of these, got {kind(value)}")
    return array
