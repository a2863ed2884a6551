"""A task's metric: by name, as a torchmetrics, as a function; its name, direction and unit."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, MeanSquaredError
from torchmetrics.classification import BinaryF1Score, MulticlassAUROC
from torchmetrics.image import PeakSignalNoiseRatio

from parefront.evaluators.quality.scoring import registry
from parefront.evaluators.quality.scoring.builtin import BUILT_IN
from parefront.evaluators.quality.scoring.quality import Quality
from parefront.evaluators.quality.scoring.registry import metric_names, quality_metric, quality_of
from parefront.evaluators.results.metric import ACCURACY, score
from parefront.spaces.errors import TaskError
from parefront.spaces.task import Task


def task(metric: Any, **more: Any) -> Task:
    return Task(nn.Identity(), calibration=[], search=[], test=[], metric=metric, **more)


def residual(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().flatten(1).amax(1)


RESIDUAL = Quality.per_sample("residual", residual, higher_is_better=False, unit="px", point=0.5)


@pytest.mark.parametrize(
    ("metric", "name", "higher", "unit"),
    [
        (MeanSquaredError(), "mean_squared_error", False, "score"),
        (PeakSignalNoiseRatio(data_range=1.0), "peak_signal_noise_ratio", True, "score"),
        (BinaryF1Score(), "binary_f1_score", True, "fraction"),
        (MulticlassAUROC(3), "multiclass_auroc", True, "fraction"),
    ],
)
def test_a_tasks_metric_is_called_as_its_class_and_has_its_direction(
    metric: Any, name: str, higher: bool, unit: str
) -> None:
    assert quality_metric(task(metric)) == score(name, higher, unit)


def test_name_and_direction_may_be_given() -> None:
    given = task(MeanMetric(), metric_name="mean_loss", higher_is_better=False)
    assert quality_metric(given) == score("mean_loss", higher_is_better=False)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (task(MeanMetric()), "MeanMetric does not say whether higher or lower is better; say so: "),
        (task(MeanMetric(), higher_is_better="no"), "task.higher_is_better: expected True or False, got 'no'"),
        (task(MeanSquaredError(), metric_name="accuracy"), "'accuracy' is the name of another metric"),
        (task(MeanSquaredError(), metric_name="size_bytes"), "'size_bytes' is the name of another metric"),
        (
            task(MeanSquaredError(), metric_name="test_loss"),
            "not beginning with test_ nor ending in _change",
        ),
        (task(MeanSquaredError(), metric_name="P SNR"), "task.metric_name: expected lower-case letters"),
        (task("accuracy", metric_name="top1"), "task.metric_name: is for a metric of your own"),
        (task("acuracy"), "task.metric: unknown 'acuracy'; did you mean 'accuracy'?"),
        (task("top5"), "task.metric: unknown 'top5'; known: accuracy, f1, mae, "),
        (task("mse", metric_unit="dB"), "task.metric_unit: is for a metric of your own, and task.metric is 'mse'"),
        (task(residual), "residual does not say whether higher or lower is better; say so: pf.Task("),
        (task(lambda outputs, targets: outputs, higher_is_better=True), "got '<lambda>'; write e.g. pf.Task("),
        (task(residual, higher_is_better=True, metric_unit="%"), 'task.metric_unit: expected "fraction"'),
        (task(MeanSquaredError(), metric_name="loss_change"), "nor ending in _change, got 'loss_change'"),
        (task(MeanSquaredError), "got the class MeanSquaredError; write MeanSquaredError(…)"),
        (
            task(3),
            "expected the name of a metric, a torchmetrics.Metric, or a function of outputs and targets, got",
        ),
        (task("accuracy", higher_is_better=False), "task.higher_is_better: is for a metric of your own"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(given: Task, says: str) -> None:
    with pytest.raises(TaskError) as error:
        quality_metric(given)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_means_what_is_built_in() -> None:
    assert quality_metric(task("accuracy")) == ACCURACY
    assert quality_of(task("mse")) is BUILT_IN["mse"]
    assert quality_metric(task("mae")) == score("mae", higher_is_better=False)
    assert quality_metric(task("miou")) == score("miou", higher_is_better=True, unit="fraction")


def test_a_function_is_called_as_it_is_and_scores_single_samples() -> None:
    quality = quality_of(task(residual, higher_is_better=False, metric_unit="px"))
    assert quality.metric == score("residual", higher_is_better=False, unit="px")
    assert quality.is_per_sample
    assert not quality_of(task(MeanSquaredError())).is_per_sample


def test_a_quality_says_all_of_itself() -> None:
    assert quality_of(task(RESIDUAL)) is RESIDUAL
    assert RESIDUAL.metric.point == 0.5
    with pytest.raises(TaskError, match=r"task.higher_is_better: is for a metric of your own"):
        quality_of(task(RESIDUAL, higher_is_better=True))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes an entry point of this module's object of that name, as if a package had brought it."""

    def install(name: str) -> None:
        point = EntryPoint("residual", f"{__name__}:{name}", registry.GROUP)
        monkeypatch.setattr(EntryPoint, "load", lambda _: globals()[name])
        monkeypatch.setattr(registry, "entry_points", lambda **_: [point])

    return install


def test_packages_bring_metrics_by_entry_points(installed: Callable[[str], None]) -> None:
    installed("RESIDUAL")
    assert "residual" in metric_names()
    assert quality_of(task("residual")) is RESIDUAL


def test_an_entry_point_that_says_no_direction_is_refused(installed: Callable[[str], None]) -> None:
    installed("residual")
    with pytest.raises(TaskError, match="residual does not say whether higher or lower is better"):
        quality_of(task("residual"))


def test_a_torchmetric_is_a_plug_in_too(installed: Callable[[str], None]) -> None:
    installed("MeanSquaredError")
    quality = quality_of(task("residual"))
    assert quality.metric == score("residual", higher_is_better=False)
    tally = quality.tally(4)
    tally.update(torch.arange(8.0).reshape(4, 2), torch.zeros(4, 2))
    assert tally.scores().measurement(quality.metric).value == pytest.approx(17.5)
