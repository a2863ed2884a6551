"""TensorBoard and MLflow: what they read back is what the run has measured. Only where they are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import parefront as pf
from parefront.callbacks.registry import make_callbacks
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import ACCURACY
from parefront.search.runs.events import Recovered, Recovering
from parefront.spaces.policy import Policy

from ..conftest import FormulaEvaluator


def searched(task: pf.Task, name: str, trials: int = 4) -> pf.Run:
    return pf.compress(task, trials=trials, search={"sampler": "random"}, run="demo", progress=False, callbacks=[name])


def test_tensorboard_has_a_scalar_for_every_metric_and_trial(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    accumulator: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = searched(small_task, "tensorboard")

    read = accumulator.EventAccumulator(str(run.path / "tensorboard")).Reload()
    steps = {event.step: event.value for event in read.Scalars("trial/latency_ratio")}
    measured = {r.number: r.candidate.metrics["latency_ratio"].value for r in run.trials if r.candidate is not None}
    assert steps == pytest.approx(measured, rel=1e-6)
    assert read.Scalars("uncompressed/accuracy")[0].value == pytest.approx(0.93)
    assert "front/hypervolume" in read.Tags()["scalars"]
    assert len(read.Scalars("final/test_accuracy")) == len(run.front)


def test_tensorboard_has_the_loss_of_each_member_that_is_trained(tmp_path: Path) -> None:
    accumulator: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run, writer = pf.Run(tmp_path, {}), make_callbacks(["tensorboard"])[0]
    member = Candidate(Policy(), {"accuracy": Measurement.exact(0.9, "fraction")}, trial=7)
    for done, loss in ((1, 0.5), (2, 0.25)):
        writer.on_training(run, Recovering(member, done, 2, loss, 0.0, None))
    writer.on_recovered(run, Recovered(member, member, 0.1, ACCURACY))
    writer.close()

    read = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {event.step: event.value for event in read.Scalars("training/7/loss")} == {1: 0.5, 2: 0.25}
    assert [(event.step, event.value) for event in read.Scalars("recovered/accuracy")] == [(7, pytest.approx(0.9))]


def test_mlflow_has_parameters_metrics_and_the_front_in_one_run(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking: Any = pytest.importorskip("mlflow.tracking")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (project / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    searched(small_task, "mlflow")
    run = searched(small_task, "mlflow", trials=6)

    client = tracking.MlflowClient()
    experiment = client.get_experiment_by_name("parefront")
    (kept,) = client.search_runs([experiment.experiment_id])
    history = {m.step: m.value for m in client.get_metric_history(kept.info.run_id, "trial/latency_ratio")}
    measured = {r.number: r.candidate.metrics["latency_ratio"].value for r in run.trials if r.candidate is not None}
    assert history == pytest.approx(measured)
    assert kept.data.params["search.sampler"] == "random"
    assert (kept.info.run_name, kept.info.status) == ("demo", "FINISHED")
    assert {"front.json", "summary.md"} <= {file.path for file in client.list_artifacts(kept.info.run_id)}
