"""Ctrl-C, SIGTERM and SIGHUP: once, a search finishes what is under way and saves it; twice, it stops at once."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from .evaluators.results.views.units import plural
from .search.interruption import Interruption

Handler = Callable[[int, FrameType | None], None]

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` where SIGTERM or SIGHUP comes, as Python does for Ctrl-C.

    Only signals that would end the process are taken: one that is ignored (``nohup``) or handled by the caller's own
    code stays so. In another thread than the main one nothing is changed, since Python allows it there alone.
    """
    with _handled([number for number in ENDING if _handler_of(number) is signal.SIG_DFL], _interrupt):
        yield


@contextmanager
def finishing_first(tell: Callable[[str], None]) -> Iterator[Interruption]:
    """Let the first signal only ask a search to end while something is under way; the second stops it at once.

    Taken are Ctrl-C and those of :func:`interruptible`, by the same rules. Where nothing is under way, the first one
    raises ``KeyboardInterrupt`` already.

    Args:
        tell: called, in a thread of its own, with a line that says what happens.
    """
    taken = [signal.SIGINT] if _handler_of(signal.SIGINT) is signal.default_int_handler else []
    taken += [number for number in ENDING if _handler_of(number) in (signal.SIG_DFL, _interrupt)]
    interruption = Interruption()
    with _told_elsewhere(tell) as say:

        def ask(number: int, frame: FrameType | None) -> None:
            if interruption.requested or not interruption.under_way:
                _interrupt(number, frame)
            interruption.requested = True
            say(_asked(number, interruption))

        with _handled(taken, ask):
            yield interruption


def _asked(number: int, interruption: Interruption) -> str:
    """``stopping after the trial under way, which is kept; Ctrl-C again stops at once``."""
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    what = interruption.what
    if interruption.under_way > 1:
        return f"stopping after the {plural(interruption.under_way, what)} under way; {name} again stops at once"
    return f"stopping after the {what} under way; {name} again stops at once"


@contextmanager
def _handled(numbers: list[signal.Signals], handler: Handler) -> Iterator[None]:
    """Let signals be handled so inside of the block."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def _told_elsewhere(tell: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """A function that may be called in a handler, while the same thread is in the middle of writing something else."""
    reading, writing = os.pipe()
    lines: deque[str] = deque()

    def follow() -> None:
        while os.read(reading, 1):
            with suppress(OSError):  # of a terminal that is gone
                tell(lines.popleft())

    def say(line: str) -> None:
        lines.append(line)
        os.write(writing, b"!")

    following = threading.Thread(target=follow, name="parefront-signals", daemon=True)
    following.start()
    try:
        yield say
    finally:
        os.close(writing)
        following.join()
        os.close(reading)


def _handler_of(number: signal.Signals) -> object:
    """What handles a signal; None in another thread than the main one, where nothing can be changed."""
    return signal.getsignal(number) if threading.current_thread() is threading.main_thread() else None


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
