"""What is kept of earlier candidates: as much as fits, what was asked for last."""

from __future__ import annotations

from parefront.compressors.statistics.recent import Recent


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    recent = Recent(most_bytes=30)
    for key in "abc":
        recent.put(key, key.upper(), 10)
    assert recent.get("a") == "A"
    recent.put("d", "D", 10)
    assert [key in recent for key in "abcd"] == [True, False, True, True]
    assert recent.nbytes == 30


def test_what_is_larger_than_all_of_it_is_not_kept() -> None:
    recent = Recent(most_bytes=30)
    recent.put("a", 1, 30)
    recent.put("b", 2, 31)
    assert recent.get("a") == 1
    assert recent.get("b") is None
    assert len(recent) == 1


def test_a_value_is_replaced_and_counted_once() -> None:
    recent = Recent(most_bytes=30)
    recent.put("a", 1, 20)
    recent.put("a", 2, 10)
    assert (recent.get("a"), recent.nbytes) == (2, 10)
