"""Policies in words that can be read aloud."""

from __future__ import annotations

import pytest

from parefront.evaluators.results.views.policy_words import policy_in_words
from parefront.spaces.knob import Choice
from parefront.spaces.policy import Policy


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({}, "unchanged"),
        ({"drop_blocks/stage.1": True}, "1 block dropped"),
        ({"drop_blocks/a": True, "drop_blocks/b": True}, "2 blocks dropped"),
        ({"quantize/a": 8}, "1 layer in int8"),
        ({"quantize/a": 8, "quantize/b": 8, "quantize/c": "w4"}, "2 layers in int8, 1 layer with int4 weights"),
        ({"prune_channels/a": 0.25}, "25 % of the channels gone in 1 place"),
        ({"prune_channels/a": 0.5, "prune_channels/b": 0.125}, "12.5 to 50 % of the channels gone in 2 places"),
        ({"low_rank/a": "svd:0.5", "low_rank/b": "svd:0.25"}, "2 layers of low rank"),
        ({"separable/a": "depthwise", "separable/b": "grouped_4"}, "1 layer made depthwise, 1 layer made grouped"),
        ({"prune_weights/a": 0.75}, "75 % of the weights zero in 1 layer"),
        ({"share_weights/a": 16, "share_weights/b": 16}, "2 layers of 16 shared weights"),
        ({"early_exit/a": 0.9, "early_exit/b": 0.97}, "2 early exits at 90 to 97 %"),
        ({"merge/b": True}, "1 pair of layers merged"),
        ({"half/a": True, "half/b": True}, "half in 2 places"),
        ({"half/a": 1, "quantize/a": 8, "drop_blocks/b": True}, "1 block dropped, 1 layer in int8, half in 1 place"),
    ],
)
def test_what_was_done_is_said_by_method(choices: dict[str, Choice], words: str) -> None:
    assert policy_in_words(Policy(choices)) == words
