"""Things in a row put together with their neighbours, where there are more than can be looked at one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def stretches(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """``items`` cut into ``parts`` stretches of about equal length, or into single ones where they are fewer."""
    count = min(len(items), parts)
    edges = [len(items) * part // max(1, count) for part in range(count + 1)]
    return [items[a:b] for a, b in itertools.pairwise(edges)]
