"""The wish to end a search: what is under way is finished and recorded, and nothing further begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interruption:
    """Whether a search is to end; a handler of signals may set it at any moment, between any two steps of the code.

    Attributes:
        requested: whether somebody has asked for it.
        under_way: how many evaluations run, whose results the search waits for before it ends.
        what: they are called, ``"trial"``.
    """

    def __init__(self) -> None:
        self.requested = False
        self.under_way = 0
        self.what = "trial"

    def begin(self, what: str = "trial") -> None:
        """An evaluation begins, that is not to be lost."""
        self.what = what
        self.under_way += 1

    def end(self) -> None:
        """It is recorded, or has failed."""
        self.under_way -= 1

    @contextmanager
    def finishing(self, what: str) -> Iterator[None]:
        """Begin what is inside only where nobody has asked for an end, and finish it."""
        self.check()
        self.begin(what)
        try:
            yield
        finally:
            self.end()

    def check(self) -> None:
        """End the search here where it is to end and nothing is under way any more.

        Raises:
            KeyboardInterrupt: as an interruption that nobody has held back.
        """
        if self.requested and not self.under_way:
            raise KeyboardInterrupt
