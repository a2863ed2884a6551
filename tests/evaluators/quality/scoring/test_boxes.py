"""Mean average precision against COCO's own program and against counting by hand; its interval and batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from parefront.evaluators.quality.scoring.boxes import RECALLS, THRESHOLDS, BoxTally
from parefront.evaluators.quality.scoring.builtin import BUILT_IN
from parefront.evaluators.quality.scoring.scores import Replicates

from ...average_precision import average_precision

MAP = BUILT_IN["map"].metric
Targets = list[dict[str, torch.Tensor]]


def draw(n: int, seed: int, slots: int = 8, noise: float = 2.0) -> tuple[np.ndarray, Targets]:
    """Images of up to four boxes in three classes; most are found, a few in the wrong class, some where nothing is."""
    generator = np.random.default_rng(seed)
    outputs, targets = np.zeros((n, slots, 6), np.float32), []
    for image in range(n):
        count, more = generator.integers(0, 5), generator.integers(0, 3)
        corners = generator.uniform(0, 60, (count + more, 2))
        boxes = np.concatenate([corners, corners + generator.uniform(8, 30, (count + more, 2))], axis=1)
        labels = generator.integers(0, 3, count + more)
        targets.append({"boxes": torch.from_numpy(boxes[:count]).float(), "labels": torch.from_numpy(labels[:count])})
        found = np.flatnonzero((generator.random(count + more) < 0.8) | (np.arange(count + more) >= count))
        outputs[image, : len(found), :4] = boxes[found] + generator.normal(0, noise, (len(found), 4))
        outputs[image, : len(found), 4] = generator.uniform(0.05, 1.0, len(found)) * np.where(found < count, 1.0, 0.6)
        wrong = generator.random(len(found)) < 0.1
        outputs[image, : len(found), 5] = np.where(wrong, (labels[found] + 1) % 3, labels[found])
    return outputs, targets


def scored(outputs: Any, targets: Targets, batch: int = 64) -> Replicates:
    tally = BoxTally(len(targets))
    for start in range(0, len(targets), batch):
        tally.update(outputs[start : start + batch], targets[start : start + batch])
    return tally.scores()


def listed(outputs: np.ndarray) -> list[dict[str, torch.Tensor]]:
    """As torchmetrics takes them."""
    kept = [torch.from_numpy(image[image[:, 4] > 0]) for image in outputs]
    return [{"boxes": k[:, :4], "scores": k[:, 4], "labels": k[:, 5].long()} for k in kept]


@pytest.mark.parametrize("n", [1, 20, 150])
def test_it_is_what_coco_computes(n: int) -> None:
    pytest.importorskip("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision

    outputs, targets = draw(n, seed=n)
    coco = MeanAveragePrecision(iou_thresholds=THRESHOLDS.tolist(), rec_thresholds=RECALLS.tolist())
    coco.update(listed(outputs), targets)
    assert scored(outputs, targets).value == pytest.approx(float(coco.compute()["map"]), abs=1e-6)


def test_it_is_what_its_definition_says() -> None:
    outputs, targets = draw(12, seed=3)
    assert scored(outputs, targets).value == pytest.approx(average_precision(torch.from_numpy(outputs), targets))


def test_two_of_three_boxes_with_a_false_one_between_are_counted_by_hand() -> None:
    """Precision is 1 up to a recall of 1/3, 2/3 up to 2/3, and 0 beyond; of 101 recalls 34, 33 and 34."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]])
    found = np.zeros((1, 4, 6), np.float32)
    found[0, :3, :4] = torch.stack([boxes[0], torch.tensor([60.0, 0, 70, 10]), boxes[1]]).numpy()
    found[0, :3, 4] = [0.9, 0.8, 0.7]
    value = scored(found, [{"boxes": boxes, "labels": torch.zeros(3)}]).value
    assert value == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_a_second_detection_of_a_box_is_wrong() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]])
    targets = [{"boxes": box, "labels": torch.zeros(1)}] * 2
    found = np.zeros((2, 2, 6), np.float32)
    found[:, :, :4], found[:, :, 4] = box.numpy(), [[0.9, 0.8], [0.7, 0.6]]
    assert scored(found, targets).value == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_arrays_by_name_are_the_same() -> None:
    outputs, targets = draw(30, seed=0)
    named = {"boxes": outputs[..., :4], "scores": outputs[..., 4], "labels": outputs[..., 5].astype(np.int64)}
    tally = BoxTally(30)
    tally.update(named, targets)
    assert tally.scores().value == scored(outputs, targets).value


def test_batches_do_not_change_it() -> None:
    outputs, targets = draw(100, seed=0)
    one, other = (scored(outputs, targets, batch).measurement(MAP) for batch in (64, 7))
    assert one == other


def test_the_interval_covers_what_is_true_in_95_of_100_repetitions() -> None:
    """The truth is that of 3,000 images; of 50 repetitions 44 or more cover it with a chance of 99 %."""
    truth = scored(*draw(3000, seed=1)).value
    measured = [scored(*draw(50, seed=100 + repetition)).measurement(MAP) for repetition in range(50)]
    assert sum(found.low <= truth <= found.high for found in measured) >= 44


def test_worse_boxes_score_worse_by_a_paired_change() -> None:
    outputs, targets = draw(100, seed=0)
    worse = outputs.copy()
    worse[..., :4] += np.random.default_rng(1).normal(0, 1.0, worse[..., :4].shape)
    before, after = scored(outputs, targets), scored(worse, targets)
    change = after.change(before, MAP)
    assert change.value == pytest.approx(after.value - before.value)
    assert change.high < 0
    assert change.half_width < before.measurement(MAP).half_width


def test_where_nothing_is_to_be_found_there_is_no_score() -> None:
    outputs, _ = draw(5, seed=0)
    empty = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0)}] * 5
    assert np.isnan(scored(outputs, empty).value)
    assert scored(np.zeros_like(outputs), draw(5, seed=0)[1]).value == 0.0


@pytest.mark.parametrize(
    ("outputs", "target", "says"),
    [
        (np.zeros((1, 3, 5)), {"boxes": [], "labels": []}, r"outputs \(n, detections, 6\) .* got \(1, 3, 5\)"),
        ({"boxes": np.zeros((1, 3, 4))}, {"boxes": [], "labels": []}, "named boxes, scores and labels, got boxes"),
        (np.zeros((1, 3, 6)), [1.0], "a mapping of boxes and labels as the target of each image, got a list"),
        (np.zeros((1, 3, 6)), {"bbox": []}, "got one of bbox"),
        (
            np.zeros((1, 3, 6)),
            {"boxes": [[0, 0, 1, 1]], "labels": []},
            "a label for each box, got 1 boxes and 0",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(outputs: Any, target: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        BoxTally(1).update(outputs, [target])


def test_outputs_in_a_tuple_are_told_the_form_that_is_expected() -> None:
    with pytest.raises(ValueError, match=r"mapping of boxes, scores and labels, got a tuple of 2"):
        scored((np.zeros((2, 3, 4)), np.zeros((2, 3))), [{}, {}])
