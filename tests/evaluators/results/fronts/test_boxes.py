"""Boxes of what points dominate: they fill it, do not overlap, and tell what one more point would add."""

from __future__ import annotations

import moocore
import numpy as np
import pytest

from parefront.evaluators.results.fronts.boxes import Boxes


@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_what_a_point_would_add_is_what_moocore_says(objectives: int) -> None:
    reference = np.full(objectives, 0.95)
    for seed in range(6):
        generator = np.random.default_rng(seed)
        points = generator.random((20, objectives)) if seed % 2 else generator.integers(0, 5, (20, objectives)) / 5
        boxes, others = Boxes.dominated_by(points, reference), generator.random((10, objectives))
        known = moocore.hypervolume(points, ref=reference)
        assert boxes.volume == pytest.approx(known, abs=1e-12)
        expected = [moocore.hypervolume(np.vstack([points, other]), ref=reference) - known for other in others]
        np.testing.assert_allclose(boxes.added_by(others), expected, atol=1e-12)


def test_every_place_is_in_one_box_where_it_is_dominated_and_else_in_none() -> None:
    generator = np.random.default_rng(0)
    points, places = generator.random((15, 4)), generator.random((3000, 4))
    boxes = Boxes.dominated_by(points, np.ones(4))
    inside = ((boxes.lower[None] <= places[:, None]) & (places[:, None] < boxes.upper[None])).all(axis=2)
    dominated = np.any(np.all(points[None] <= places[:, None], axis=2), axis=1)
    assert inside.sum(axis=1).tolist() == dominated.astype(int).tolist()


def test_without_points_everything_is_added() -> None:
    boxes = Boxes.dominated_by(np.zeros((0, 4)), np.ones(4))
    assert boxes.volume == 0
    np.testing.assert_allclose(boxes.added_by(np.full((1, 4), 0.5)), [0.5**4])
