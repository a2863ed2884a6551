"""Metrics: which one a name means, in terms of the task's own, and the task's own from what the user gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from torch import nn
from torchmetrics import MeanMetric, MeanSquaredError
from torchmetrics.classification import BinaryF1Score, MulticlassAUROC
from torchmetrics.image import PeakSignalNoiseRatio

from parefront.evaluators.results.metric import ACCURACY, COSTS, Metric, score
from parefront.evaluators.results.metrics import metric_of
from parefront.evaluators.results.quality import quality_metric
from parefront.spaces.errors import ConfigError, TaskError
from parefront.spaces.task import Task

PSNR, ERROR = score("psnr", higher_is_better=True), score("mean_squared_error", higher_is_better=False)


def task(metric: Any, **more: Any) -> Task:
    return Task(nn.Identity(), calibration=[], search=[], test=[], metric=metric, **more)


@pytest.mark.parametrize("name", ["accuracy", "quality", "psnr"])
def test_accuracy_quality_and_its_own_name_mean_the_tasks_metric(name: str) -> None:
    assert metric_of(name, PSNR) is PSNR
    assert metric_of(f"test_{name}", PSNR) == replace(PSNR, name="test_psnr", key="test_psnr")


def test_costs_are_the_same_whatever_the_task() -> None:
    assert metric_of("latency@pi", PSNR).key == "latency_ratio@pi"
    assert metric_of("latency@pi", PSNR).absolute_key == "latency_ms@pi"
    assert all(metric_of(metric.key, PSNR).kind == metric.kind for metric in COSTS.values())
    assert not any(metric.higher_is_better for metric in COSTS.values())


@pytest.mark.parametrize("name", ["psnr", "accuracy_changes", "change", "test_latency"])
def test_a_name_of_no_metric_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no metric {name!r}"):
        metric_of(name, ACCURACY)


def test_only_accuracy_has_a_paired_change() -> None:
    assert metric_of("accuracy_change").key == "accuracy_change"
    with pytest.raises(ConfigError, match="no metric 'psnr_change'"):
        metric_of("psnr_change", PSNR)


def test_before_a_task_is_known_only_what_looks_misspelt_is_refused() -> None:
    assert metric_of("psnr", quality=None).is_quality
    with pytest.raises(ConfigError, match=r"no metric 'latancy'; did you mean 'latency'\? .* 'quality'"):
        metric_of("latancy", quality=None)


def test_a_metric_survives_json() -> None:
    for metric in (ACCURACY, PSNR, ERROR):
        assert Metric.from_json(metric.to_json()) == metric


def test_of_a_loss_ten_points_a_tenth_or_as_much_again_is_of_use() -> None:
    assert ACCURACY.useful_loss(0.93) == pytest.approx(0.10)
    assert PSNR.useful_loss(30.0) == pytest.approx(3.0)
    assert ERROR.useful_loss(0.02) == pytest.approx(0.02)
    assert ERROR.useful_loss(0.0) > 0


@pytest.mark.parametrize(
    ("metric", "name", "higher"),
    [
        (MeanSquaredError(), "mean_squared_error", False),
        (PeakSignalNoiseRatio(data_range=1.0), "peak_signal_noise_ratio", True),
        (BinaryF1Score(), "binary_f1_score", True),
        (MulticlassAUROC(3), "multiclass_auroc", True),
    ],
)
def test_a_tasks_metric_is_called_as_its_class_and_has_its_direction(metric: Any, name: str, higher: bool) -> None:
    assert quality_metric(task(metric)) == score(name, higher)


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
        (task(MeanSquaredError(), metric_name="test_loss"), "not beginning with test_, got 'test_loss'"),
        (task(MeanSquaredError(), metric_name="P SNR"), "task.metric_name: expected lower-case letters"),
        (task("accuracy", metric_name="top1"), "task.metric_name: is for a metric of your own"),
        (task("accuracy", higher_is_better=False), "task.higher_is_better: is for a metric of your own"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(given: Task, says: str) -> None:
    with pytest.raises(TaskError) as error:
        quality_metric(given)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
