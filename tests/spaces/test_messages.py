"""Parts of sentences that several rooms write."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from parefront.spaces.messages import enumerated


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), ""),
        (("safe",), "safe"),
        (("safe", "knee"), "safe and knee"),
        (["safe", "knee", "fastest"], "safe, knee and fastest"),
    ],
)
def test_words_are_enumerated(words: Sequence[str], text: str) -> None:
    assert enumerated(words) == text
