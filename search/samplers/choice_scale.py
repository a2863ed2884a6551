"""Choices as numbers between 0 and 1, for samplers that know nothing but numbers."""

from __future__ import annotations

from collections.abc import Mapping

from ...spaces.knob import Choice, Knob


def position(knob: Knob, choice: Choice) -> float:
    """Where a choice stands among the knob's: 0 the first, 1 the last."""
    return knob.choices.index(choice) / max(1, len(knob.choices) - 1)


def nearest(knob: Knob, number: float) -> Choice:
    """The choice whose position is nearest to ``number``."""
    last = len(knob.choices) - 1
    return knob.choices[min(last, max(0, round(number * last)))]


def mean_position(knobs: tuple[Knob, ...], params: Mapping[str, Choice]) -> float:
    """The mean of the positions of these knobs' choices."""
    return sum(position(knob, params[knob.name]) for knob in knobs) / len(knobs)
