"""Whether compression treated the classes alike: what a member changed in each, and which it hit harder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluators.results.classes.class_counts import LEVEL, ClassCount, chances
from ..evaluators.results.measurement import Measurement


@dataclass(frozen=True)
class ClassRow:
    """One class or one subgroup of the test split.

    Compression hits few classes much harder than the mean tells: Hooker et al. 2020, "Characterising Bias in Compressed
    Models"; Iofinova et al. 2023, "Bias in Pruned Vision Models".

    Attributes:
        label: of the class, or name of the subgroup.
        n: images of it.
        before: accuracy of the uncompressed model on them.
        after: accuracy of the member.
        change: the difference, paired, with its interval.
        chance: how likely so great a net loss is where classes are treated alike, corrected for their number.
    """

    label: int | str
    n: int
    before: float
    after: float
    change: Measurement
    chance: float

    @property
    def harder(self) -> bool:
        """Whether it is hit harder than the others, beyond what chance gives to one of so many classes."""
        return self.chance < LEVEL

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "n": self.n,
            "before": self.before,
            "after": self.after,
            "change": self.change.to_json(),
            "chance": self.chance,
            "harder": self.harder,
        }


def class_rows(counts: Sequence[ClassCount]) -> tuple[ClassRow, ...]:
    """The classes or subgroups, those that lost most first."""
    rows = [
        ClassRow(one.label, one.n, one.before / one.n, one.after / one.n, one.change, chance)
        for one, chance in zip(counts, chances(counts), strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.change.value))
