"""MLflow: a run of its own for every run here, with parameters, metrics by trial, and the front as artefacts."""

from __future__ import annotations

import os
from typing import Any

from ..evaluators.results.fronts.front import Front
from ..search.runs.events import Finished, Recovered, Recovering, Started
from ..search.runs.run import Run
from ..spaces.files import read_bytes, write_text
from ..spaces.limits import NOTE_BYTES
from .callback import Callback
from .markdown import FILE, summary
from .registry import needs
from .scalars import parameters_of, scalars_of, scalars_of_front

RUN_ID = "mlflow_run_id"
"""In the run's folder: the run of MLflow that a search which is gone on with writes into."""
LONGEST = 500
"""Characters of a parameter that every tracking store takes."""


class MlflowTracking(Callback):
    """Writes where ``MLFLOW_TRACKING_URI`` says, and into the experiment of ``MLFLOW_EXPERIMENT_NAME``.

    The step of a metric is the number of the trial; while a member of the front is trained, that of its round. A run
    that is active already (of the caller's) is left alone.

    Args:
        models: whether the ONNX files of the front are uploaded, too.

    Raises:
        ConfigError: when it is made, where MLflow is not installed.
    """

    def __init__(self, models: bool = False) -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise needs("mlflow-skinny", "mlflow", error) from None
        self._make, self._models = MlflowClient, models
        self._client: Any = None
        self._id = ""
        self._ended = False
        self._last = 0

    def on_start(self, run: Run, started: Started) -> None:
        self._open(run)
        self._log("uncompressed", scalars_of(started.baseline), 0)

    def on_trial(self, run: Run, finished: Finished) -> None:
        self._last = finished.record.number
        if finished.record.candidate is not None:
            self._log("trial", scalars_of(finished.record.candidate), self._last)

    def on_front(self, run: Run, front: Front) -> None:
        self._log("front", scalars_of_front(front), self._last)

    def on_training(self, run: Run, training: Recovering) -> None:
        self._open(run)
        self._log(f"training/{training.candidate.trial}", {"loss": training.loss}, training.done)

    def on_recovered(self, run: Run, recovered: Recovered) -> None:
        if recovered.after is not None and recovered.after.trial is not None:
            self._open(run)
            self._log("recovered", scalars_of(recovered.after), recovered.after.trial)

    def on_end(self, run: Run, front: Front) -> None:
        self._open(run)
        self._client.log_text(self._id, summary(run, front), FILE)
        for name in ("front.json", "front.csv", "config.yaml"):
            if (run.path / name).is_file():
                self._client.log_artifact(self._id, str(run.path / name))
        for candidate in front if self._models else ():
            self._client.log_artifact(self._id, str(candidate.artifact), "artifacts")
        self._client.set_terminated(self._id)
        self._ended = True

    def close(self) -> None:
        if self._client is not None and not self._ended:
            self._client.set_terminated(self._id, "KILLED")

    def _log(self, group: str, scalars: dict[str, float], step: int) -> None:
        for key, value in scalars.items():
            self._client.log_metric(self._id, f"{group}/{key}", value, step=step)

    def _open(self, run: Run) -> None:
        """The run of MLflow that an earlier session has begun, or another one."""
        if self._client is not None:
            return
        self._client = self._make()
        file = run.path / RUN_ID
        if os.path.lexists(file):
            self._id = read_bytes(file, NOTE_BYTES).decode().strip()
            self._client.update_run(self._id, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "parefront")
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found is not None else self._client.create_experiment(name)
        self._id = self._client.create_run(experiment, run_name=run.name).info.run_id
        write_text(file, self._id + "\n")
        for key, value in parameters_of(run).items():
            self._client.log_param(self._id, key, value[:LONGEST])
