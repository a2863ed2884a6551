"""How many threads a process computes with: those of its cores, or fewer where it is told so."""

from __future__ import annotations

import os

import pytest

from parefront.spaces.cores import GIVEN, core_count, own_cores


@pytest.fixture(autouse=True)
def of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may use four of eight cores, and is told nothing."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {7, 1, 2, 4}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv(GIVEN, raising=False)


def test_as_many_as_the_cores_that_it_may_use() -> None:
    assert own_cores() == [1, 2, 4, 7]
    assert core_count() == 4


@pytest.mark.parametrize(("told", "count"), [("1", 1), ("3,2", 3), ("16", 4), ("0", 4), ("many", 4), ("", 4)])
def test_no_more_than_it_is_told(told: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GIVEN, told)
    assert core_count() == count


def test_all_of_the_machine_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert own_cores() == []
    assert core_count() == 8
