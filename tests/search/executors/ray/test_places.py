"""Where the owner of a device runs, as a config says it and as Ray is told."""

from __future__ import annotations

import pytest

from parefront.search.executors.ray.places import Place
from parefront.spaces.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "options", "called"),
    [
        ("device:pi4", {"resources": {"device:pi4": 1}}, "the resource device:pi4"),
        ("device=pi4", {"label_selector": {"device": "pi4"}}, "the label device=pi4"),
        ("lab/board = in(a, b)", {"label_selector": {"lab/board": "in(a, b)"}}, "the label lab/board=in(a, b)"),
    ],
)  # fmt: skip
def test_a_place_is_a_resource_or_a_label(text: str, options: dict[str, object], called: str) -> None:
    place = Place.parse(text)
    assert place.options == options
    assert str(place) == called


@pytest.mark.parametrize("text", ["", " ", "=", "=pi4", "device="])
def test_a_place_with_a_part_missing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a custom resource \(device:pi4\) or a label \(device=pi4\)"):
        Place.parse(text)
