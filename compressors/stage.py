"""The order in which methods are applied."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """When a method is applied: the lower, the earlier.

    Spaced by tens, so that a method can stand between two of them (``stage = Stage.PRUNE + 5``). Between 30 and 50 what
    structure left behind is repaired; 40 is kept for training.
    """

    MERGE = 10
    PRUNE = 20
    FACTORISE = 30
    SPARSIFY = 50
    SHARE = 60
    QUANTISE = 70
