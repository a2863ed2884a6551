"""The metrics that are built in, against torchmetrics and torch; their intervals, against many repetitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassJaccardIndex, MultilabelF1Score

from parefront.evaluators.quality.scoring.builtin import BUILT_IN, IGNORED
from parefront.evaluators.quality.scoring.quality import Quality
from parefront.evaluators.quality.scoring.scores import Scores
from parefront.evaluators.results.measurement import paired_difference, proportion

Draw = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def scored(quality: Quality, outputs: np.ndarray, targets: np.ndarray, batch: int = 64) -> Scores:
    tally = quality.tally(len(targets))
    for start in range(0, len(targets), batch):
        tally.update(outputs[start : start + batch], targets[start : start + batch])
    return tally.scores()


def value(name: str, outputs: np.ndarray, targets: np.ndarray) -> float:
    return scored(BUILT_IN[name], outputs, targets).measurement(BUILT_IN[name].metric).value


def labels(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six labels, the last of them rare."""
    targets = (generator.random((n, 6)) < [0.5, 0.4, 0.3, 0.3, 0.2, 0.05]).astype(np.int64)
    return (2.0 * targets - 1 + generator.normal(size=targets.shape)).astype(np.float32), targets


def segments(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images of 5 by 5 pixels in 4 classes, some of them harder than others."""
    targets = generator.choice(4, (n, 5, 5), p=[0.6, 0.25, 0.1, 0.05])
    hard = generator.uniform(0.3, 1.2, (n, 1, 1, 1))
    outputs = np.eye(4)[targets].transpose(0, 3, 1, 2) + hard * generator.normal(size=(n, 4, 5, 5))
    return outputs.astype(np.float32), targets


def regression(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    targets = generator.normal(size=(n, 3)).astype(np.float32)
    return (targets + 0.3 * generator.normal(size=(n, 3))).astype(np.float32), targets


def choices(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    targets = generator.integers(0, 5, n)
    return (np.eye(5)[targets] + 0.5 * generator.normal(size=(n, 5))).astype(np.float32), targets


CASES: dict[str, Draw] = {"f1": labels, "miou": segments, "mse": regression, "mae": regression, "accuracy": choices}


def test_errors_are_those_of_torch() -> None:
    outputs, targets = regression(300, np.random.default_rng(0))
    one, other = torch.from_numpy(outputs), torch.from_numpy(targets)
    assert value("mse", outputs, targets) == pytest.approx(float(torch.nn.functional.mse_loss(one, other)), rel=1e-5)
    assert value("mae", outputs, targets) == pytest.approx(float(torch.nn.functional.l1_loss(one, other)), rel=1e-5)


def test_a_number_for_each_sample_is_a_target_of_an_error() -> None:
    outputs, targets = np.array([[1.0], [2.0]], np.float32), np.array([0.0, 4.0])
    assert value("mse", outputs, targets) == 2.5


def test_f1_is_the_macro_f1_of_torchmetrics() -> None:
    outputs, targets = labels(300, np.random.default_rng(0))
    theirs = MultilabelF1Score(6, average="macro")(torch.from_numpy(outputs).sigmoid(), torch.from_numpy(targets))
    assert value("f1", outputs, targets) == pytest.approx(float(theirs))


def test_miou_is_the_macro_jaccard_index_of_torchmetrics_with_ignored_pixels() -> None:
    outputs, targets = segments(300, np.random.default_rng(0))
    targets[np.random.default_rng(1).random(targets.shape) < 0.1] = IGNORED
    index = MulticlassJaccardIndex(4, average="macro", ignore_index=IGNORED)
    assert value("miou", outputs, targets) == pytest.approx(
        float(index(torch.from_numpy(outputs), torch.from_numpy(targets)))
    )


def test_classes_that_are_nowhere_do_not_count() -> None:
    outputs, targets = segments(50, np.random.default_rng(0))
    widened = np.concatenate([outputs, np.full((50, 3, 5, 5), -9.0, np.float32)], axis=1)
    assert value("miou", widened, targets) == pytest.approx(value("miou", outputs, targets))


@pytest.mark.parametrize("case", CASES)
def test_batches_do_not_change_score_or_interval(case: str) -> None:
    outputs, targets = CASES[case](1500, np.random.default_rng(0))
    quality = BUILT_IN[case]
    one, other = (scored(quality, outputs, targets, batch).measurement(quality.metric) for batch in (64, 7))
    for found, expected in zip((one.value, one.low, one.high), (other.value, other.low, other.high), strict=True):
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_intervals_cover_what_is_true_in_95_of_100_repetitions(case: str) -> None:
    """Of score and change, each of 300 samples; the truth is that of many. 150 repetitions tell 95 % to ± 3.5."""
    quality, draw = BUILT_IN[case], CASES[case]

    def pair(n: int, generator: np.random.Generator) -> tuple[Scores, Scores]:
        outputs, targets = draw(n, generator)
        worse = outputs + 0.3 * generator.normal(size=outputs.shape).astype(np.float32)
        return scored(quality, outputs, targets, n), scored(quality, worse, targets, n)

    whole, worse = pair(200_000 if case != "miou" else 20_000, np.random.default_rng(1))
    truth = whole.measurement(quality.metric).value
    difference = worse.measurement(quality.metric).value - truth
    alone = paired = 0
    for repetition in range(150):
        before, after = pair(300, np.random.default_rng(100 + repetition))
        measured, change = before.measurement(quality.metric), after.change(before, quality.metric)
        alone += measured.low <= truth <= measured.high
        paired += change.low <= difference <= change.high
    assert 0.91 <= alone / 150 <= 0.99
    assert paired / 150 >= 0.91


def test_accuracy_has_the_intervals_of_proportions() -> None:
    outputs, targets = choices(500, np.random.default_rng(0))
    worse = outputs + np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32)
    accuracy = BUILT_IN["accuracy"]
    before, after = scored(accuracy, outputs, targets), scored(accuracy, worse, targets)
    right, still = outputs.argmax(1) == targets, worse.argmax(1) == targets
    assert before.measurement(accuracy.metric) == proportion(int(right.sum()), 500)
    assert after.change(before, accuracy.metric) == paired_difference(still, right)


def test_a_change_in_next_to_all_samples_is_found_where_the_scores_alone_overlap() -> None:
    outputs, targets = segments(300, np.random.default_rng(0))
    worse = outputs + 0.15 * np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32)
    miou = BUILT_IN["miou"]
    before, after = scored(miou, outputs, targets), scored(miou, worse, targets)
    assert before.measurement(miou.metric).overlaps(after.measurement(miou.metric))
    assert after.change(before, miou.metric).high < 0


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "says"),
    [
        ("f1", torch.zeros(2, 3), torch.full((2, 3), 2), "f1 needs targets of 0 and 1, got values from 2 to 2"),
        ("f1", torch.zeros(2, 3), torch.zeros(2), "f1 needs logits and targets"),
        ("miou", torch.zeros(2, 3, 4, 4), torch.full((2, 4, 4), 7), "miou needs targets from 0 to 2, or 255"),
        ("miou", torch.zeros(2, 3, 4, 4), torch.zeros(2, 5, 5), "miou needs outputs"),
        ("mse", torch.zeros(2, 3), torch.zeros(2, 2), "an error needs outputs and targets of one shape"),
        ("accuracy", torch.zeros(2, 3, 3), torch.zeros(2), "accuracy needs outputs"),
    ],
)
def test_what_does_not_fit_is_one_line(name: str, outputs: Tensor, targets: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        BUILT_IN[name].tally(2).update(outputs.numpy(), targets.numpy())
