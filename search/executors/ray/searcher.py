"""Tells Ray Tune how many trials of its own there should be, and the mailbox which of them were lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from ray.tune import Callback
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper


class _OfThisProcess:
    """Has no state worth keeping: Ray Tune pickles what it is given, so that a search of its own may go on later."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class EvaluationSearcher(_OfThisProcess, Searcher):
    """Suggests a trial for every evaluation that may run; none once the search is over.

    Ray Tune asks it and tells it; sampler and study are the controller's, and policies come from the mailbox. So Ray
    Tune never sees a metric: its own adapter of Optuna leaves a trial running for ever on NaN, and knows no
    constraints.

    Args:
        over: set once no further trial is wanted.
    """

    def __init__(self, over: Event) -> None:
        super().__init__()
        self._over = over

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        return self.FINISHED if self._over.is_set() else {}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The mailbox has the outcome."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing is kept: the run's folder has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was kept."""


class LossCallback(_OfThisProcess, Callback):
    """Says which trials of Ray Tune's have lost their process.

    Args:
        lost: called with the trial's id and what Ray says of the loss.
    """

    def __init__(self, lost: Callable[[str, str], None]) -> None:
        self._lost = lost

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._lost(trial.trial_id, _why(trial))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._lost(trial.trial_id, _why(trial))


class OverStopper(_OfThisProcess, Stopper):
    """Ends Ray Tune once the search is over, whatever is under way.

    Args:
        over: set then.
    """

    def __init__(self, over: Event) -> None:
        self._over = over

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._over.is_set()


def _why(trial: Any) -> str:
    """The last line of what Ray Tune has written of a trial's failure, in a file that it copies to storage later."""
    path = trial.error_file
    lines = Path(path).read_text(errors="replace").splitlines() if path and Path(path).is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "its process or its node is gone")
