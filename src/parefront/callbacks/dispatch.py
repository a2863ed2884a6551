"""Hands the events of a search on to its callbacks, and keeps what they raise from the search."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..evaluators.results.candidate import Candidate
from ..search.runs.events import Event, Finished, OnEvent, Recovered, Recovering, Started, Warned
from ..search.runs.run import Run
from ..spaces.messages import one_line
from .callback import Callback


class Dispatch:
    """The callbacks of one session.

    Args:
        callbacks: in the order in which they are called.
        on_event: told of every event first, and of callbacks that fail.
    """

    def __init__(self, callbacks: Sequence[Callback], on_event: OnEvent) -> None:
        self._all, self._active, self._on_event = tuple(callbacks), list(callbacks), on_event
        self._members: tuple[Candidate, ...] = ()

    def events_of(self, run: Run) -> OnEvent:
        """What the search in ``run`` is to call with its events."""

        def on_event(event: Event) -> None:
            self._on_event(event)
            if isinstance(event, Started):
                self._members = event.front.candidates
                self._call(run, lambda callback: callback.on_start(run, event))
            elif isinstance(event, Finished):
                self._call(run, lambda callback: callback.on_trial(run, event))
                if event.front.candidates != self._members:
                    self._members = event.front.candidates
                    self._call(run, lambda callback: callback.on_front(run, event.front))
            elif isinstance(event, Recovering):
                self._call(run, lambda callback: callback.on_training(run, event))
            elif isinstance(event, Recovered):
                self._call(run, lambda callback: callback.on_recovered(run, event))

        return on_event

    def end(self, run: Run) -> None:
        """The run is finished."""
        if self._active:
            front = run.front
            self._call(run, lambda callback: callback.on_end(run, front))

    def close(self) -> None:
        """Close all, those that have failed too; what that raises is told."""
        for callback in self._all:
            try:
                callback.close()
            except Exception as error:
                self._on_event(Warned(_failed(callback, error)))

    def _call(self, run: Run, action: Callable[[Callback], None]) -> None:
        for callback in tuple(self._active):
            try:
                action(callback)
            except Exception as error:
                self._active.remove(callback)
                with suppress(OSError):
                    run.log(f"{_failed(callback, error)}\n{traceback.format_exc()}")
                self._on_event(Warned(_failed(callback, error)))


def _failed(callback: Callback, error: Exception) -> str:
    return f"the callback {type(callback).__name__} failed and is called no more: {one_line(error)}"
