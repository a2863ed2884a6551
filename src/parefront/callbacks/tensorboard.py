"""TensorBoard: what every trial has measured, and how the front grows, as scalars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..evaluators.results.fronts.front import Front
from ..search.runs.events import Finished, Recovered, Recovering, Started
from ..search.runs.run import Run
from .callback import Callback
from .markdown import summary
from .registry import needs
from .scalars import scalars_of, scalars_of_front

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

FOLDER = "tensorboard"


class TensorBoardScalars(Callback):
    """Writes event files into the folder ``tensorboard`` of the run; the step is the number of the trial.

    While a member of the front is trained, the step is that of its round.

    ``tensorboard --logdir runs`` shows all runs side by side.

    Raises:
        ConfigError: when it is made, where TensorBoard is not installed.
    """

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise needs("tensorboard", "tensorboard", error) from None
        self._make: type[SummaryWriter] = SummaryWriter
        self._writer: Any = None
        self._last = 0

    def on_start(self, run: Run, started: Started) -> None:
        self._write(run, "uncompressed", scalars_of(started.baseline), 0)

    def on_trial(self, run: Run, finished: Finished) -> None:
        self._last = finished.record.number
        if finished.record.candidate is not None:
            self._write(run, "trial", scalars_of(finished.record.candidate), self._last)

    def on_front(self, run: Run, front: Front) -> None:
        self._write(run, "front", scalars_of_front(front), self._last)

    def on_training(self, run: Run, training: Recovering) -> None:
        group = f"training/{training.candidate.trial}"
        self._write(run, group, {"loss": training.loss}, training.done)

    def on_recovered(self, run: Run, recovered: Recovered) -> None:
        if recovered.after is not None and recovered.after.trial is not None:
            self._write(run, "recovered", scalars_of(recovered.after), recovered.after.trial)

    def on_end(self, run: Run, front: Front) -> None:
        self._opened(run).add_text("summary", summary(run, front))
        for place, candidate in enumerate(front):
            self._write(run, "final", scalars_of(candidate), place)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, run: Run, group: str, scalars: dict[str, float], step: int) -> None:
        writer = self._opened(run)
        for key, value in scalars.items():
            writer.add_scalar(f"{group}/{key}", value, step)

    def _opened(self, run: Run) -> Any:
        if self._writer is None:
            self._writer = self._make(str(run.path / FOLDER))
        return self._writer
