"""Something in a model that costs time on a device, in plain words."""

from __future__ import annotations

from dataclasses import dataclass


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
