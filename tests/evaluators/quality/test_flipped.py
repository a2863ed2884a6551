"""Samples that get another answer: how many, which are shown first, and their places in the dataset."""

from __future__ import annotations

import numpy as np

from parefront.evaluators.quality.flipped import flipped

LABELS = np.array([0, 0, 0, 1, 1, 1])
BEFORE = np.array([[3.0, 0], [5, 0], [1, 0], [2, 0], [0, 2], [0, 2]])
AFTER = np.array([[0.0, 1], [0, 1], [1, 0], [0, 1], [0, 2], [0, 3]])
INDICES = np.array([10, 11, 12, 13, 14, 15])


def test_lost_ones_come_first_the_surest_before_others() -> None:
    found = flipped(AFTER, BEFORE, LABELS, INDICES, 24)
    assert (found.count, found.n) == (3, 6)
    assert [(flip.index, flip.label, flip.before, flip.after) for flip in found.shown] == [
        (11, 0, 0, 1), (10, 0, 0, 1), (13, 1, 0, 1),
    ]  # fmt: skip


def test_gained_ones_have_their_share_of_few_places() -> None:
    found = flipped(np.tile(AFTER, (9, 1)), np.tile(BEFORE, (9, 1)), np.tile(LABELS, 9), np.arange(54), 12)
    assert found.count == 27
    assert [flip.before == flip.label for flip in found.shown] == 8 * [True] + 4 * [False]


def test_none_are_shown_where_none_are_wanted_or_none_are_there() -> None:
    assert flipped(AFTER, BEFORE, LABELS, INDICES, 0).shown == ()
    assert flipped(BEFORE, BEFORE, LABELS, INDICES, 24).count == 0


def test_a_picture_is_made_of_what_is_shown_alone() -> None:
    asked: list[int] = []

    def picture(at: int) -> bytes:
        asked.append(at)
        return b"png"

    shown = flipped(AFTER, BEFORE, LABELS, INDICES, 1, picture).shown
    assert (asked, shown[0].picture) == ([1], b"png")
