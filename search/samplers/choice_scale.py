"""Choices as numbers between 0 and 1, for samplers that know nothing but numbers."""

from __future__ import annotations

from ...spaces.knob import Choice, Knob


def position(knob: Knob, choice: Choice) -> float:
    """Where a choice stands among the knob's: 0 the first, 1 the last."""
    return knob.choices.index(choice) / max(1, len(knob.choices) - 1)


def nearest(knob: Knob, number: float) -> Choice:
    """The choice whose position is nearest to ``number``."""
    last = len(knob.choices) - 1
    return knob.choices[min(last, max(0, round(number * last)))]
