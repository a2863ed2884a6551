"""What a terminal shows while a command imports PyTorch."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def starting() -> Iterator[None]:
    """Say so, and for how long, while PyTorch is imported, which takes seconds; the line is gone afterwards."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def count() -> None:
        for seconds in itertools.count():
            print(f"starting … {seconds or ''}", end="\r", file=sys.stderr, flush=True)
            if over.wait(1.0):
                return

    counting = threading.Thread(target=count, name="parefront-starting", daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()
        print(" " * len("starting … 100"), end="\r", file=sys.stderr, flush=True)
