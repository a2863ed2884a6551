"""Which data a split consists of, as a value: what tells one split from another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SplitDigest:
    """Which data a split consists of.

    Attributes:
        sha256: over the length of the split, and dtype, shape and bytes of inputs and targets, in order. Splits of
            equal samples have equal digests, whatever class of dataset they are read from.
        samples: how many samples were digested.
        of: how many the split has.
    """

    sha256: str
    samples: int
    of: int

    @property
    def is_sampled(self) -> bool:
        """Whether some samples were left out."""
        return self.samples < self.of
