"""Inputs in batches of one size, so that a model is compiled once where its shapes are fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .session import Arrays, NamedSession, Port

BATCH = 64
"""Samples that a model is compiled for where its first axis is free; fewer are filled up."""


def batch_of(inputs: Sequence[Port]) -> int:
    """The size of a model's first axis, where that is fixed, else :data:`BATCH`."""
    first = inputs[0].shape
    return first[0] if first and isinstance(first[0], int) else BATCH


def in_batches(run: Callable[[Arrays], Arrays], feeds: Mapping[str, NDArray[Any]], size: int) -> Arrays:
    """The outputs ``(n, …)`` by name of inputs ``(n, …)``, ``run`` being given ``size`` of them at a time.

    The last ones are filled up with the last input again.
    """
    length = len(next(iter(feeds.values())))
    parts = []
    for start in range(0, length, size):
        count = min(size, length - start)
        given = {name: _filled_up(array[start : start + count], size) for name, array in feeds.items()}
        parts.append({name: array[:count] for name, array in run(given).items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class BatchedSession(NamedSession):
    """A :class:`~.session.Session` of a model that is run in batches of one size.

    Args:
        inputs: of the model.
        outputs: of the model.
        run: gives the outputs of one batch; what it raises is raised by :meth:`run`.
    """

    def __init__(self, inputs: Sequence[Port], outputs: Sequence[Port], run: Callable[[Arrays], Arrays]) -> None:
        size = batch_of(inputs)
        super().__init__(inputs, outputs, lambda feeds: in_batches(run, feeds, size))


def _filled_up(part: NDArray[Any], size: int) -> NDArray[Any]:
    missing = size - len(part)
    whole = part if not missing else np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
    return np.ascontiguousarray(whole)
