"""A knob names its choices and which of them means "leave as is"."""

from __future__ import annotations

import pytest

from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Knob


def test_a_knob_is_named_after_compressor_and_target() -> None:
    assert Knob("prune_channels", "layer1.0.conv1", (0.0, 0.5), 0.0).name == "prune_channels/layer1.0.conv1"


def test_the_neutral_choice_must_be_on_offer() -> None:
    with pytest.raises(ConfigError, match=r"quantize/head: its neutral choice 16 is not among \(32, 8\)"):
        Knob("quantize", "head", (32, 8), 16)


def test_no_choice_comes_twice() -> None:
    with pytest.raises(ConfigError, match="choices repeat"):
        Knob("quantize", "head", (32, 8, 8), 32)
