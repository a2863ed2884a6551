"""Products of a tall matrix with itself, of which only one half has to be computed."""

from __future__ import annotations

from torch import Tensor

PANEL = 128
"""Columns that are taken at a time: with 96 to 288 of them a product of 4,608 x 1,152 takes 0.62 of the whole one."""
NARROWEST = 64
"""Fewer columns are taken together with those before: narrow products are added up in another order."""


def gram(rows: Tensor) -> Tensor:
    """``rowsᵀ · rows``, shape ``(p, p)``, of a matrix of shape ``(n, p)``.

    Half of it is computed and mirrored, so that it is symmetric to the last bit. Equal rows give equal bits; those of
    the whole product they are on some processors alone, as it is up to MKL in which order it adds.
    """
    width = rows.shape[1]
    if width < PANEL + NARROWEST:
        return rows.T @ rows
    found = rows.new_empty(width, width)
    start = 0
    while start < width:
        end = start + PANEL if width - start >= PANEL + NARROWEST else width
        found[start:end, start:] = rows[:, start:end].T @ rows[:, start:]
        found[end:, start:end] = found[start:end, end:].T
        start = end
    return found
