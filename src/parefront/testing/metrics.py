"""What every metric of outputs owes, as a test suite: subclass it, give two fixtures."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch

from ..evaluators.quality.scoring.quality import Quality
from ..evaluators.quality.scoring.registry import as_quality
from ..evaluators.quality.scoring.scores import SampleScores, Scores
from ..evaluators.quality.scoring.tally import part_of
from ..evaluators.quality.split_digest import digest_of_value
from ..evaluators.results.measurement import Measurement

FEWEST = 8
"""Samples that the suite asks for."""
TOLERANCE = 1e-5
"""By how much a score may differ with the batches, relative to it."""


class MetricConformance:
    """The suite for what ``pf.Task(metric=…)`` takes, and packages register as ``parefront.metrics``.

    ::

        class TestPsnr(MetricConformance):
            @pytest.fixture
            def metric(self) -> Quality:
                return PSNR

            @pytest.fixture
            def samples(self) -> tuple[Tensor, Tensor]:
                targets = torch.rand(16, 3, 8, 8)
                return targets + 0.1 * torch.randn(16, 3, 8, 8), targets

    ``samples`` are outputs, as a model gives them, and targets of a dataset, of eight samples or more whose targets
    differ: the outputs of other samples must be worse.
    """

    def test_it_has_a_name_and_a_direction(self, metric: Any) -> None:
        as_quality(metric)

    def test_the_outputs_of_other_samples_score_worse(self, metric: Any, samples: tuple[Any, Any]) -> None:
        outputs, targets = samples
        count = len(targets)
        assert count >= FEWEST, f"give {FEWEST} samples or more, got {count}"
        quality = as_quality(metric)
        good = _measured(quality, outputs, targets).value
        bad = _measured(quality, _rolled(outputs, count), targets).value
        said = quality.metric.worded
        assert quality.metric.sign * (bad - good) > 0, f"{said}: {good:g} of good outputs, {bad:g} of other samples'"

    def test_its_score_is_finite_and_in_its_unit(self, metric: Any, samples: tuple[Any, Any]) -> None:
        quality = as_quality(metric)
        found = _measured(quality, *samples)
        assert math.isfinite(found.value)
        if quality.metric.is_fraction:
            assert 0 <= found.value <= 1, f"a fraction lies between 0 and 1, got {found.value:g}"

    def test_batches_do_not_change_the_score(self, metric: Any, samples: tuple[Any, Any]) -> None:
        quality = as_quality(metric)
        whole = _scores(quality, *samples, batch=len(samples[1]))
        for batch in (1, 3):
            parts = _scores(quality, *samples, batch=batch)
            one, other = (found.measurement(quality.metric).value for found in (whole, parts))
            assert abs(one - other) <= TOLERANCE * abs(one), f"{one:g} of all at once, {other:g} in batches of {batch}"
            if isinstance(whole, SampleScores) and isinstance(parts, SampleScores):
                largest = float(abs(whole.values).max())
                assert abs(whole.values - parts.values).max() <= TOLERANCE * largest, "a sample depends on its batch"

    def test_the_same_samples_have_the_same_score_and_interval(self, metric: Any, samples: tuple[Any, Any]) -> None:
        quality = as_quality(metric)
        assert _measured(quality, *samples) == _measured(quality, *samples)

    def test_against_itself_nothing_has_changed(self, metric: Any, samples: tuple[Any, Any]) -> None:
        quality = as_quality(metric)
        change = _scores(quality, *samples).change(_scores(quality, *samples), quality.metric)
        assert change.value == 0
        assert change.low <= 0 <= change.high

    def test_it_leaves_outputs_and_targets_as_they_are(self, metric: Any, samples: tuple[Any, Any]) -> None:
        given = copy.deepcopy(samples)
        _measured(as_quality(metric), *given)
        assert digest_of_value(given) == digest_of_value(samples)


def _measured(quality: Quality, outputs: Any, targets: Any) -> Measurement:
    return _scores(quality, outputs, targets).measurement(quality.metric)


def _scores(quality: Quality, outputs: Any, targets: Any, batch: int = 4) -> Scores:
    count = len(targets)
    tally = quality.tally(count)
    for start in range(0, count, batch):
        end = min(start + batch, count)
        tally.update(part_of(outputs, start, end), part_of(targets, start, end))
    return tally.scores()


def _rolled(outputs: Any, count: int) -> Any:
    """The outputs of the next sample in place of each."""
    if isinstance(outputs, dict):
        return {name: _rolled(value, count) for name, value in outputs.items()}
    order = [*range(1, count), 0]
    return outputs[torch.tensor(order)] if isinstance(outputs, torch.Tensor) else outputs[order]
