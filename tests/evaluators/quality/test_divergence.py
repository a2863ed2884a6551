"""Divergence of outputs against torch's own, and that it is an average over samples with its interval."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from parefront.evaluators.quality.divergence import divergence
from parefront.spaces.tensors.batch import Batch


@pytest.fixture
def outputs() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    reference = generator.normal(0, 3, (400, 10)).astype(np.float32)
    return (reference + generator.normal(0, 0.5, reference.shape)).astype(np.float32), reference


def test_of_logits_it_is_the_kullback_leibler_divergence(outputs: tuple[np.ndarray, np.ndarray]) -> None:
    after, before = (torch.from_numpy(o).double().log_softmax(1) for o in outputs)
    expected = F.kl_div(after, before, reduction="batchmean", log_target=True).item()
    found = divergence(*outputs, classes=True)
    assert found.value == pytest.approx(expected)
    assert (found.n, found.unit) == (400, "nats")
    assert 0 < found.low < found.value < found.high


def test_of_other_outputs_it_is_the_relative_squared_error(outputs: tuple[np.ndarray, np.ndarray]) -> None:
    images = [o.reshape(100, 2, 4, 5) for o in outputs]
    found = divergence(images[0], images[1], classes=False)
    assert found.value == pytest.approx(float(((images[0] - images[1]) ** 2).mean() / images[1].var()), rel=1e-5)
    assert found.n == 100


@pytest.mark.parametrize("classes", [True, False])
def test_it_takes_no_more_memory_than_a_block_needs(
    classes: bool, outputs: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = divergence(*outputs, classes)
    monkeypatch.setitem(divergence.__globals__, "BLOCK_VALUES", 70)

    assert divergence(*outputs, classes).value == pytest.approx(whole.value, rel=1e-12)

    large = [np.tile(output, (50, 1)) for output in outputs]
    tracemalloc.start()
    divergence(large[0], large[1], classes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < large[0].nbytes


@pytest.mark.parametrize("classes", [True, False])
def test_nothing_has_moved(classes: bool, outputs: tuple[np.ndarray, np.ndarray]) -> None:
    assert divergence(outputs[1], outputs[1], classes).value == 0


def test_a_constant_added_to_all_logits_moves_nothing(outputs: tuple[np.ndarray, np.ndarray]) -> None:
    assert divergence(outputs[1] + 100, outputs[1], classes=True).value == pytest.approx(0, abs=1e-6)


def test_the_interval_covers_the_truth_as_often_as_it_says(outputs: tuple[np.ndarray, np.ndarray]) -> None:
    truth = divergence(*outputs, classes=True).value
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        chosen = generator.choice(400, 100)
        found = divergence(outputs[0][chosen], outputs[1][chosen], classes=True)
        hits += found.low <= truth <= found.high
    assert hits > 180


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        divergence(np.zeros((3, 2)), np.zeros((4, 2)), classes=True)


def test_of_several_outputs_it_is_the_mean_over_them() -> None:
    generator = np.random.default_rng(0)
    before = Batch({name: generator.normal(size=(50, 3, size)) for name, size in (("a", 2), ("b", 5))})
    after = Batch({name: part + generator.normal(size=part.shape) / 10 for name, part in before.parts.items()})
    each = [divergence(after[name], before[name], classes=False).value for name in before.parts]
    found = divergence(after, before, classes=False)
    assert found.value == pytest.approx(np.mean(each))
    assert (found.unit, found.n) == ("fraction", 50)


def test_of_whole_numbers_it_is_the_share_that_differ() -> None:
    before = np.zeros((10, 4), np.int64)
    after = before.copy()
    after[3] = 1
    assert divergence(after, before, classes=False).value == pytest.approx(0.1)
