"""The order in which a range is looked at when nobody knows how often: coarse first, then finer."""

from __future__ import annotations


def van_der_corput(index: int) -> float:
    """The index-th number of a sequence that fills (0, 1] evenly, coarse to fine: 1/2, 1/4, 3/4, 1/8 …; 1 first.

    Args:
        index: from 1.
    """
    if index == 1:
        return 1.0
    value, denominator, index = 0.0, 1.0, index - 1
    while index:
        index, digit = divmod(index, 2)
        denominator *= 2
        value += digit / denominator
    return value
