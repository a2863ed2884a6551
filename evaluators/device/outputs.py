"""Arrays on their way to a device and back: what a model gives there, for what it is given here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Malformed, integers, objects, text

Arrays = Mapping[str, NDArray[Any]]
KINDS = "fiub"
"""Of arrays: floats, integers, truth values."""


def sent(feeds: Arrays) -> tuple[list[dict[str, Any]], bytes]:
    """What a request says of arrays by name, and their bytes."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
    told = [{"name": name, "dtype": a.dtype.str, "shape": list(a.shape)} for name, a in contiguous.items()]
    return told, b"".join(array.tobytes() for array in contiguous.values())


def received(answer: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays by name in an answer; `Malformed` where they are none."""
    return {text(fields, "name"): _array(fields) for fields in objects(answer, "outputs", least=1)}


def _array(fields: Mapping[str, Any]) -> NDArray[Any]:
    try:
        kind = np.dtype(text(fields, "dtype"))
        content = base64.b64decode(text(fields, "data"), validate=True)
        if kind.kind not in KINDS:
            raise ValueError(f"an array of {kind}")
        return np.frombuffer(content, kind).reshape(integers(fields, "shape"))
    except (TypeError, ValueError) as error:
        raise Malformed(f"expected an array of numbers, got {error}") from error
