"""Something in a model that costs time on a device, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MANY = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        kind: ``"island"``, ``"activation"``, ``"unpacked"``, ``"provider"``, ``"channels"``, ``"rank"`` or, where none
            of these says why, ``"slower"``.
        layers: that it is about.
        us: microseconds a run that it costs.
        text: what is the case.
        mend: what would mend it.
    """

    kind: str
    layers: tuple[str, ...]
    us: float
    text: str
    mend: str


def listed(layers: Sequence[str]) -> str:
    """The first few names, and how many there are beside them."""
    names = list(dict.fromkeys(layers))
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more
