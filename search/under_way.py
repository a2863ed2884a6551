"""Trials that were asked for and are not told yet: how many more there may be, and which have ended."""

from __future__ import annotations

from collections.abc import Container
from concurrent.futures import Future

from ..evaluators.results.candidate import Candidate
from .asked import Asked
from .executors.executor import Executor

MOST_REPEATS = 20
"""Trials that repeat policies under way, after which the search waits for one of these instead of asking again."""


class UnderWay:
    """The trials between asking and telling.

    A trial whose policy another one has evaluated ends at once; one whose policy is being evaluated ends with it.

    Args:
        executor: what evaluates; says how many may be under way, and whether results are taken in the order of asking.
        recorded: digests of the policies whose outcome is known; a view that grows.
    """

    def __init__(self, executor: Executor, recorded: Container[str]) -> None:
        self._executor, self._recorded = executor, recorded
        self._evaluated: list[tuple[Asked, Future[Candidate]]] = []
        self._repeats: list[Asked] = []

    def __len__(self) -> int:
        return len(self._evaluated) + len(self._repeats)

    @property
    def digests(self) -> set[str]:
        """Of the policies that are being evaluated."""
        return {asked.policy.digest for asked, _ in self._evaluated}

    def has_room(self, left: int) -> bool:
        """Whether another trial may be asked for, where so many trials are left to do, those under way among them."""
        return len(self._evaluated) < min(self._executor.workers, left) and len(self._repeats) < MOST_REPEATS

    def add(self, asked: Asked) -> None:
        """A trial was asked for."""
        if asked.result is None:
            self._repeats.append(asked)
        else:
            self._evaluated.append((asked, asked.result))

    def ended(self, may_wait: bool) -> list[Asked]:
        """Take out the trials that have ended, in the order of asking; of an ordered executor one at a time.

        Args:
            may_wait: whether to wait for one that ends, and of an ordered executor for the first of all. Without,
                an ordered executor's are left alone: what is told before the next ask must not depend on the clock.
        """
        if repeats := [asked for asked in self._repeats if asked.policy.digest in self._recorded]:
            self._repeats = [asked for asked in self._repeats if asked.policy.digest not in self._recorded]
            return repeats
        if may_wait and self._evaluated:
            self._executor.wait([future for _, future in self._evaluated[: 1 if self._executor.ordered else None]])
        if self._executor.ordered:
            return [self._evaluated.pop(0)[0]] if may_wait and self._evaluated and self._evaluated[0][1].done() else []
        ended = [asked for asked, future in self._evaluated if future.done()]
        self._evaluated = [(asked, future) for asked, future in self._evaluated if not future.done()]
        return ended
