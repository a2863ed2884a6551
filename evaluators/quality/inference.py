"""An artefact's outputs through its runtime, batch by batch: one array, or several by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from ...spaces.tensors.batch import Array, Arrays, Batch, mapped, named, unnamed
from ...spaces.tensors.signature import INPUT
from ..device.lock import THIS_MACHINE, shared
from ..runtimes.session import Session
from .accuracy import open_session


class Inputs(Protocol):
    """An array ``(n, …)``, several by name, or what gives one of these when it is sliced."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Arrays: ...


def output_batches(session: Session, inputs: Inputs, batch: int = 64) -> Iterator[Arrays]:
    """All outputs, batch by batch, so that whoever asks can stop as soon as enough is known.

    Where the artefact's batch axis is fixed, its size replaces ``batch`` and the last batch is filled up. Pauses while
    somebody measures on this machine.
    """
    if len(inputs) == 0 or batch < 1:
        raise ValueError(f"expected inputs and a batch of at least one, got {len(inputs)} and {batch}")
    spec, fixed = session.get_inputs()[0], fixed_batch(session)
    outputs = [output.name for output in session.get_outputs()]
    size = fixed or batch
    for start in range(0, len(inputs), size):
        given = inputs[start : start + size]
        count = len(given)
        if fixed and count < fixed:
            given = mapped(partial(_filled_up, count=fixed - count), given)
        feeds = given.parts if isinstance(given, Batch) else {spec.name: given}
        with shared(THIS_MACHINE):
            results = session.run(outputs, {name: np.ascontiguousarray(part) for name, part in feeds.items()})
        yield unnamed({name: result[:count] for name, result in zip(outputs, results, strict=True)})


def fixed_batch(session: Session) -> int | None:
    """The size of the artefact's batch axis, where it is fixed."""
    shape = session.get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def run_outputs(artifact: Path | Session, inputs: Inputs, batch: int = 64) -> Arrays:
    """The outputs for all ``inputs``, each of shape ``(n, …)``."""
    session = open_session(artifact) if isinstance(artifact, Path) else artifact
    whole: dict[str, Array] = {}
    filled = 0
    for given in output_batches(session, inputs, batch):
        parts = named(given, INPUT)
        for name, part in parts.items():
            if name not in whole:
                whole[name] = np.empty((len(inputs), *part.shape[1:]), part.dtype)
            whole[name][filled : filled + len(part)] = part
        filled += len(given)
    return unnamed(whole)


def _filled_up(part: Array, count: int) -> Array:
    """With the last row ``count`` times more."""
    return np.concatenate([part, np.repeat(part[-1:], count, axis=0)])
