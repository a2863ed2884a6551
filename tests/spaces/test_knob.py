"""A knob names its choices and which of them means "leave as is"."""

from __future__ import annotations

import pytest

from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Knob


def test_a_knob_is_named_after_compressor_and_target() -> None:
    assert Knob("prune_channels", "layer1.0.conv1", (0.0, 0.5), 0.0).name == "prune_channels/layer1.0.conv1"


def test_something_must_be_on_offer() -> None:
    with pytest.raises(ConfigError, match="quantize/head: it has no choices"):
        Knob("quantize", "head", (), 32)


def test_a_place_that_cannot_be_left_as_it_is_starts_from_the_mildest_choice() -> None:
    free, required = Knob("quantize", "head", (32, 8), 32), Knob("quantize", "head", (8, 4), 32)
    assert (free.start, free.is_required) == (32, False)
    assert (required.start, required.is_required, required.is_fixed) == (8, True, False)
    assert Knob("quantize", "head", (8,), 32).is_fixed


def test_no_choice_comes_twice() -> None:
    with pytest.raises(ConfigError, match="choices repeat"):
        Knob("quantize", "head", (32, 8, 8), 32)
