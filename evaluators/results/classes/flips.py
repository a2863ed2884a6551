"""Samples of which a candidate says another class than the uncompressed model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample whose predicted class has changed.

    Attributes:
        index: in the task's test split.
        label: its class.
        before: the class that the uncompressed model says.
        after: the class that the candidate says.
        picture: the sample as a small PNG, where it is an image; a run keeps it in a file of its own.
    """

    index: int
    label: int
    before: int
    after: int
    picture: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Flips:
    """The samples of a split whose predicted class has changed.

    Attributes:
        count: of all that have.
        n: samples of the split.
        shown: some of them: first those that the uncompressed model had right.
    """

    count: int
    n: int
    shown: tuple[Flip, ...]
