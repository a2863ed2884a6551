"""Metrics: which one a name means, in terms of the task's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parefront.evaluators.results.metric import ACCURACY, COSTS, Metric, score
from parefront.evaluators.results.metrics import metric_of
from parefront.spaces.errors import ConfigError

PSNR, ERROR = score("psnr", higher_is_better=True), score("mean_squared_error", higher_is_better=False)


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


def test_every_quality_has_a_paired_change() -> None:
    assert metric_of("accuracy_change").key == "accuracy_change"
    assert metric_of("test_quality_change", PSNR).key == "test_psnr_change"


def test_before_a_task_is_known_only_what_looks_misspelt_is_refused() -> None:
    assert metric_of("psnr", quality=None).is_quality
    with pytest.raises(ConfigError, match=r"no metric 'latancy'; did you mean 'latency'\? .* 'quality'"):
        metric_of("latancy", quality=None)


def test_a_metric_survives_json() -> None:
    for metric in (ACCURACY, PSNR, ERROR, score("psnr", True, "dB", point=0.1)):
        assert Metric.from_json(metric.to_json()) == metric


def test_of_a_loss_ten_points_a_tenth_or_as_much_again_is_of_use() -> None:
    assert ACCURACY.useful_loss(0.93) == pytest.approx(0.10)
    assert score("psnr", True, "dB", point=0.1).useful_loss(30.0) == pytest.approx(1.0)
    assert PSNR.useful_loss(30.0) == pytest.approx(3.0)
    assert ERROR.useful_loss(0.02) == pytest.approx(0.02)
    assert ERROR.useful_loss(0.0) > 0
