"""That a candidate was trained after its structure was changed, and how."""

from __future__ import annotations

from dataclasses import dataclass

RECOVERED = "recovered"
"""The folder of a run that holds what was trained."""


@dataclass(frozen=True)
class Recovered:
    """How a candidate's weights were trained.

    Attributes:
        recipe: digest of the recipe, see :class:`parefront.compressors.recovery.recipe.Recipe`.
        number: of the round that has ended with its weights, from 0.
        steps: of the optimiser, over all rounds.
        rate: the greatest learning rate of the last round.
        seconds: wall-clock time of training.
        given: whether a user trained it (:meth:`Run.replace`): then ``recipe`` is the digest of the file, and steps,
            rate and seconds, which nobody knows, are 0.
    """

    recipe: str
    number: int
    steps: int
    rate: float
    seconds: float
    given: bool = False
