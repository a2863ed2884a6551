"""Rows that are kept from one suggestion to the next, against those worked out afresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from parefront.search.surrogate.known_rows import KnownRows
from parefront.search.surrogate.sensitivity import Indices, Sensitivity
from parefront.spaces.knob import Choice
from parefront.testing.formula import formula_space, probed

SPACE = formula_space()


@pytest.fixture
def sensitivity() -> Sensitivity:
    return probed(["latency"])


def policies(count: int, seed: int = 0) -> list[dict[str, Choice]]:
    generator = np.random.default_rng(seed)
    return [{knob.name: knob.choices[generator.integers(len(knob.choices))] for knob in SPACE} for _ in range(count)]


def test_rows_of_a_growing_history_are_those_of_all_its_policies(sensitivity: Sensitivity) -> None:
    known, every = KnownRows(sensitivity), policies(12)
    for count in (0, 1, 5, 5, 12):
        rows = known.of(every[:count])
        assert rows.shape == (count, len(SPACE))
        assert rows.tolist() == sensitivity.indices(every[:count]).tolist()


def test_policies_that_were_converted_are_not_converted_again(
    sensitivity: Sensitivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, every = KnownRows(sensitivity), policies(10)
    converted: list[int] = []
    convert = Sensitivity.indices

    def counted(self: Sensitivity, new: Sequence[Mapping[str, Choice]]) -> Indices:
        converted.append(len(new))
        return convert(self, new)

    monkeypatch.setattr(Sensitivity, "indices", counted)
    for count in (8, 8, 9, 10):
        known.of(every[:count])
    assert converted == [8, 1, 1]


def test_a_trial_that_finishes_late_comes_between_the_others(sensitivity: Sensitivity) -> None:
    known, every = KnownRows(sensitivity), policies(6)
    first = known.of([*every[:2], *every[3:]])
    kept = first.copy()
    assert known.of(every).tolist() == sensitivity.indices(every).tolist()
    assert first.tolist() == kept.tolist()


def test_fewer_policies_than_before_give_fewer_rows(sensitivity: Sensitivity) -> None:
    known, every = KnownRows(sensitivity), policies(6)
    known.of(every)
    assert known.of(every[:3]).tolist() == sensitivity.indices(every[:3]).tolist()
    assert known.of(every[2:]).tolist() == sensitivity.indices(every[2:]).tolist()
