"""The choices of what was tried, as numbers, kept from one suggestion to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...spaces.knob import Choice
from .sensitivity import Indices, Sensitivity


class KnownRows:
    """Turns policies into rows of places, and those that it has seen before not again.

    With thousands of trials that conversion would take most of the time of a suggestion. Policies are known again by
    being the same objects, in whatever order they come: with several workers trials end in another order than they
    were asked for.

    Args:
        sensitivity: says which place each choice has.
    """

    def __init__(self, sensitivity: Sensitivity) -> None:
        self._sensitivity = sensitivity
        self._policies: list[Mapping[str, Choice]] = []
        self._places: dict[int, int] = {}
        self._rows: Indices = np.zeros((0, len(sensitivity.space)), dtype=np.int64)

    def of(self, policies: Sequence[Mapping[str, Choice]]) -> Indices:
        """As :meth:`Sensitivity.indices`, shape ``(policies, knobs)``; not to be written to.

        Args:
            policies: a choice for every knob; they must not change afterwards.
        """
        new = [policy for policy in policies if id(policy) not in self._places]
        if new:
            self._rows = np.concatenate([self._rows, self._sensitivity.indices(new)])
            for policy in new:
                self._places[id(policy)] = len(self._policies)
                self._policies.append(policy)  # which keeps its identity from being another one's
        rows: Indices = self._rows[[self._places[id(policy)] for policy in policies]]
        rows.flags.writeable = False
        return rows
