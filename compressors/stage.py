"""The order in which methods are applied."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """When a method is applied: the lower, the earlier.

    Spaced by tens, so that a method can stand between two of them (``stage = Stage.PRUNE + 5``). Before 40 what
    structure left behind is repaired, and at 40 it is trained where a candidate is recovered.
    """

    MERGE = 10
    PRUNE = 20
    FACTORISE = 30
    RECOVER = 40
    SPARSIFY = 50
    SHARE = 60
    QUANTISE = 70
