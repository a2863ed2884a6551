"""The choices of what was tried, as numbers, kept from one suggestion to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...spaces.knob import Choice
from .sensitivity import Indices, Sensitivity


class KnownRows:
    """Turns policies into rows of places, and those that it has seen at the same place not again.

    What was tried only grows at its end, as long as trials finish in the order of their numbers; from the first policy
    on that is another object than before, everything is converted afresh. With thousands of trials that conversion
    would take most of the time of a suggestion.

    Args:
        sensitivity: says which place each choice has.
    """

    def __init__(self, sensitivity: Sensitivity) -> None:
        self._sensitivity = sensitivity
        self._policies: list[Mapping[str, Choice]] = []
        self._rows: Indices = np.zeros((0, len(sensitivity.space)), dtype=np.int64)

    def of(self, policies: Sequence[Mapping[str, Choice]]) -> Indices:
        """As :meth:`Sensitivity.indices`, shape ``(policies, knobs)``; not to be written to.

        Args:
            policies: a choice for every knob; they must not change afterwards.
        """
        pairs = enumerate(zip(self._policies, policies, strict=False))
        alike = next(
            (index for index, (known, policy) in pairs if known is not policy), min(len(self._policies), len(policies))
        )
        if alike < len(policies):
            self._rows = np.concatenate([self._rows[:alike], self._sensitivity.indices(policies[alike:])])
            self._policies[alike:] = policies[alike:]
        rows = self._rows[: len(policies)]
        rows.flags.writeable = False
        return rows
