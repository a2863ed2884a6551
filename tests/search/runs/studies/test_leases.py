"""Who is taken for dead: who stands still while the watcher goes on, and nobody else."""

from __future__ import annotations

import pytest

from parefront.search.runs.studies.leases import Watch


@pytest.fixture
def watch() -> Watch:
    """Looks every second; three seconds without one are a pause; who stands still for five is dead."""
    return Watch(pause=3.0, grace=5.0)


def test_who_counts_on_is_never_taken_for_dead(watch: Watch) -> None:
    assert not any(watch.look(second, {"other": second // 4}) for second in range(100))


def test_who_stands_still_for_the_grace_period_is_taken_for_dead(watch: Watch) -> None:
    found = [watch.look(second, {"other": second, "dead": 7}) for second in range(7)]
    assert found == [{}] * 5 + [{"dead": 7}] * 2


def test_a_watcher_that_was_away_begins_anew(watch: Watch) -> None:
    """It was suspended, or the database was away for all of them alike."""
    for second in range(4):
        watch.look(second, {"other": 7})
    found = [watch.look(60 + second, {"other": 7}) for second in range(6)]
    assert found == [{}] * 5 + [{"other": 7}]


def test_who_counts_on_again_is_alive(watch: Watch) -> None:
    for second in range(10):
        watch.look(second, {"other": 7})
    assert watch.look(10, {"other": 8}) == {}


def test_who_has_left_is_forgotten(watch: Watch) -> None:
    for second in range(10):
        watch.look(second, {"other": 7})
    assert watch.look(10, {}) == {}
    assert watch.look(11, {"other": 7}) == {}
