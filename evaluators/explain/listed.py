"""Names of layers in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

MANY = 3


def listed(layers: Sequence[str]) -> str:
    """The first few names, and how many there are beside them."""
    names = list(dict.fromkeys(layers))
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more
