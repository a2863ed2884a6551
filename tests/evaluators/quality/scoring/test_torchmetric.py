"""Metrics of torchmetrics, fed batch by batch: the score is theirs, and the interval covers what is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MeanSquaredError, Metric
from torchmetrics.classification import BinaryAUROC, MulticlassAccuracy, MulticlassF1Score

from parefront.evaluators.quality.scoring import torchmetric
from parefront.evaluators.quality.scoring.scores import Replicates
from parefront.evaluators.quality.scoring.torchmetric import ChunkTally, StateTally, tally_of
from parefront.evaluators.results.measurement import Measurement, proportion
from parefront.evaluators.results.metric import score
from parefront.spaces.errors import Infeasible

SCORE = score("own", higher_is_better=True)
Arrays = tuple[np.ndarray, np.ndarray]


def scored(metric: Any, outputs: np.ndarray, targets: np.ndarray, batch: int = 64) -> Replicates:
    tally = tally_of(metric, len(targets))
    for start in range(0, len(targets), batch):
        tally.update(outputs[start : start + batch], targets[start : start + batch])
    found = tally.scores()
    assert isinstance(found, Replicates)
    return found


def measured(metric: Any, outputs: np.ndarray, targets: np.ndarray, batch: int = 64) -> Measurement:
    return scored(metric, outputs, targets, batch).measurement(SCORE)


def theirs(metric: Metric, outputs: np.ndarray, targets: np.ndarray) -> float:
    """As torchmetrics computes it of all at once."""
    metric.reset()
    metric.update(torch.from_numpy(outputs), torch.from_numpy(targets))
    return float(metric.compute())


def binary(n: int, generator: np.random.Generator) -> Arrays:
    targets = generator.integers(0, 2, n)
    return (targets + generator.normal(size=n)).astype(np.float32), targets


def classes(n: int, generator: np.random.Generator) -> Arrays:
    """Three classes, one of them rare, and class scores that tell them apart now and then."""
    targets = generator.choice(3, n, p=[0.5, 0.4, 0.1])
    return (np.eye(3)[targets] + 0.7 * generator.normal(size=(n, 3))).astype(np.float32), targets


def errors(n: int, generator: np.random.Generator) -> Arrays:
    targets = generator.normal(size=(n, 1)).astype(np.float32)
    return (targets + 0.5 * generator.normal(size=(n, 1))).astype(np.float32), targets


CASES: dict[str, tuple[Any, Any]] = {
    "mean squared error": (MeanSquaredError(), errors),
    "macro f1": (MulticlassF1Score(3, average="macro"), classes),
    "area under the curve": (BinaryAUROC(thresholds=None), binary),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer blocks and resamples, for what is repeated a hundred times."""
    monkeypatch.setattr(torchmetric, "BLOCKS", 100)
    monkeypatch.setattr(torchmetric, "RESAMPLES", 50)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [7, 64, 500])
def test_the_score_is_that_of_all_samples_whatever_the_batches(case: str, batch: int) -> None:
    metric, draw = CASES[case]
    outputs, targets = draw(300, np.random.default_rng(0))
    found = measured(metric, outputs, targets, batch)
    expected = theirs(metric, outputs, targets)
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.n == 300
    assert found.low < found.value < found.high


@pytest.mark.parametrize("case", CASES)
def test_the_interval_covers_what_is_true_in_95_of_100_repetitions(case: str, quick: None) -> None:
    """The truth is the score of 200,000 samples. Of 80 repetitions 71 or more cover it with a chance of 99 %."""
    metric, draw = CASES[case]
    truth = theirs(metric, *draw(200_000, np.random.default_rng(1)))
    covered = 0
    for repetition in range(80):
        found = measured(metric, *draw(200, np.random.default_rng(100 + repetition)))
        covered += found.low <= truth <= found.high
    assert covered >= 71


@pytest.mark.parametrize("case", CASES)
def test_the_paired_change_covers_what_is_true_and_is_narrower(case: str, quick: None) -> None:
    metric, draw = CASES[case]

    def worse(outputs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return (outputs + 0.2 * generator.normal(size=outputs.shape)).astype(np.float32)

    outputs, targets = draw(200_000, np.random.default_rng(1))
    truth = theirs(metric, worse(outputs, np.random.default_rng(2)), targets) - theirs(metric, outputs, targets)
    covered, narrower = 0, 0
    for repetition in range(50):
        generator = np.random.default_rng(100 + repetition)
        outputs, targets = draw(200, generator)
        before, after = scored(metric, outputs, targets), scored(metric, worse(outputs, generator), targets)
        change = after.change(before, SCORE)
        assert change.value == pytest.approx(after.value - before.value)
        covered += change.low <= truth <= change.high
        narrower += change.half_width < before.measurement(SCORE).half_width
    assert covered >= 43
    assert narrower >= 45


def test_a_share_of_right_answers_has_the_interval_of_a_proportion() -> None:
    generator = np.random.default_rng(3)
    targets = generator.integers(0, 10, 2000)
    answers = np.where(generator.random(2000) < 0.2, (targets + 1) % 10, targets)
    found = measured(MulticlassAccuracy(10, average="micro"), np.eye(10, dtype=np.float32)[answers], targets)
    counted = proportion(int((answers == targets).sum()), 2000)
    assert found.value == pytest.approx(counted.value)
    assert found.half_width == pytest.approx(counted.half_width, rel=0.1)


def test_a_fraction_on_which_all_samples_agree_is_not_taken_for_certain() -> None:
    outputs, targets = np.eye(4, dtype=np.float32)[np.arange(200) % 4], np.arange(200) % 4
    found = scored(MulticlassAccuracy(4), outputs, targets)
    fraction = score("own", higher_is_better=True, unit="fraction")
    assert found.measurement(fraction).low == pytest.approx(proportion(200, 200).low)
    assert found.measurement(fraction).high == found.measurement(fraction).value == 1.0
    assert found.change(found, fraction).half_width > 0.01


def test_what_is_summed_is_bootstrapped_and_what_is_kept_is_cut_into_parts() -> None:
    assert isinstance(tally_of(MulticlassF1Score(3), 10), StateTally)
    assert isinstance(tally_of(MeanSquaredError(), 10), StateTally)
    assert isinstance(tally_of(BinaryAUROC(thresholds=None), 10), ChunkTally)
    assert isinstance(tally_of(MeanSquaredError() + MeanSquaredError(), 10), ChunkTally)


def test_large_states_are_kept_of_fewer_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchmetric, "STATE_BYTES", 0)
    outputs, targets = classes(400, np.random.default_rng(0))
    found = scored(MulticlassF1Score(3), outputs, targets)
    assert found.drawn == torchmetric.CHUNKS
    assert found.value == pytest.approx(theirs(MulticlassF1Score(3), outputs, targets))


def test_the_same_samples_have_the_same_interval() -> None:
    outputs, targets = errors(100, np.random.default_rng(0))
    assert measured(MeanSquaredError(), outputs, targets) == measured(MeanSquaredError(), outputs, targets)


def test_the_metric_is_left_reset() -> None:
    outputs, targets = errors(100, np.random.default_rng(0))
    for metric in (MeanSquaredError(), NanAbove(1e9)):
        measured(metric, outputs, targets)
        assert metric.total == 0
        assert not metric.update_called


def test_a_metric_of_three_samples_has_no_interval() -> None:
    assert measured(MeanSquaredError(), np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)).noisy


class NanAbove(MeanSquaredError):
    """NaN where the error is above a limit; it says nothing of how its states would be added up."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self._reductions = dict.fromkeys(self._reductions)

    def compute(self) -> Tensor:
        value = super().compute()
        return torch.where(value > self.limit, torch.nan, value)


def with_bad(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """400 outputs with an error of 1 or 4, so many of them with one of 100."""
    outputs = np.tile(np.array([[1.0], [2.0]], np.float32), (200, 1))
    outputs[len(outputs) - samples :] = 10.0
    return np.random.default_rng(0).permutation(outputs), np.zeros_like(outputs)


def test_parts_that_are_nan_are_left_out_of_the_interval() -> None:
    found = measured(NanAbove(7.0), *with_bad(3))
    assert not found.noisy
    assert 0 < found.half_width < 1
    assert found.value == pytest.approx(measured(MeanSquaredError(), *with_bad(3)).value)


def test_where_most_chunks_are_nan_the_measurement_is_noisy() -> None:
    assert measured(NanAbove(10.0), *with_bad(30)).noisy


def test_a_metric_that_is_nan_on_the_whole_has_no_score() -> None:
    with pytest.raises(Infeasible, match="NanAbove is nan over 400 samples"):
        measured(NanAbove(1.0), *with_bad(0))
