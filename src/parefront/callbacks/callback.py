"""The seam of a callback: what a search tells it, and when."""

from __future__ import annotations

from ..evaluators.results.fronts.front import Front
from ..search.runs.events import Finished, Recovered, Recovering, Started
from ..search.runs.run import Run


class Callback:
    """Watches a search; override what is of interest, the rest does nothing.

    All is called in the thread of the search, one after the other, and the search waits. The order is ``on_start``,
    then for every trial ``on_trial`` and, where it has changed the front, ``on_front``, then, where the front is
    trained, ``on_training`` twice a second and ``on_recovered`` after each round, then ``on_end``, then ``close``. For
    a run that is finished already only ``on_end`` and ``close`` are called; for a search that is interrupted or fails
    ``close`` without ``on_end``. A run that is gone on with calls ``on_start`` again, with the trials done so far, and
    ``on_trial`` for those that follow.

    An exception of a callback does not end the search and loses nothing of the run: it is told as a warning, written
    with its traceback into the run's ``log.txt``, and that callback is called no more in this session, but for
    ``close``. ``KeyboardInterrupt`` ends the search as Ctrl-C does.
    """

    def on_start(self, run: Run, started: Started) -> None:
        """The uncompressed model is measured; trials follow.

        Args:
            run: its folder, config and settings.
            started: the uncompressed model, the trials done before and to be done, the front of those done.
        """

    def on_trial(self, run: Run, finished: Finished) -> None:
        """A trial is recorded, however it has ended: ``finished.record`` has outcome and, if any, the candidate."""

    def on_front(self, run: Run, front: Front) -> None:
        """A trial has changed the front, of what was measured while searching."""

    def on_training(self, run: Run, training: Recovering) -> None:
        """A member of the front is being trained: steps done and to be done of this round, and the loss."""

    def on_recovered(self, run: Run, recovered: Recovered) -> None:
        """A round of training has ended: the member before it, and after it where it has become better."""

    def on_end(self, run: Run, front: Front) -> None:
        """The run is finished; ``front`` has been measured again, on the test split too."""

    def close(self) -> None:
        """Let go of what is open. Called at last, whatever has happened before."""
