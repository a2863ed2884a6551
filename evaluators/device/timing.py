"""What the worker's clock has read: blocks of runs of a candidate and of a reference, in interleaved pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import worker
from .answers import Malformed, flag, integer, integers, mapping, number, numbers, objects, text

Clock = Literal["wall", "cpu"]

ROLES = ("candidate", "reference")
MOST_SECONDS, MOST_CORES = 1e6, 1 << 16
LONGEST_NS = 10**15
"""A run of more than eleven days is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Consecutive runs of one model; three arrays of shape `(runs,)`. The first run was dropped by the worker.

    `kept` is false where a run was preempted, so that its wall time says more of other programs than of the model.
    `energy_uj` is microjoules a run, of all that the device's counters count; None where it has none.
    """

    wall_ns: NDArray[np.int64]
    cpu_ns: NDArray[np.int64]
    kept: NDArray[np.bool_]
    energy_uj: float | None = None

    def times_ms(self, clock: Clock = "wall") -> NDArray[np.float64]:
        """Of the runs that were kept by the wall clock, or of all runs in CPU time."""
        return (self.cpu_ns if clock == "cpu" else self.wall_ns[self.kept]) / 1e6

    def median_ms(self, clock: Clock = "wall") -> float:
        """Of these times; infinite where all runs were preempted."""
        times = self.times_ms(clock).tolist()
        return statistics.median(times) if times else math.inf  # ten times as fast as numpy's, on ten numbers

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Block:
        """As a worker sends it; `Malformed` where that is no block of runs."""
        wall = integers(fields, "wall_ns", low=1, high=LONGEST_NS)
        cpu = integers(fields, "cpu_ns", high=LONGEST_NS)
        kept = integers(fields, "kept", high=1)
        if not 0 < len(wall) <= worker.RUNS_PER_BLOCK or not len(wall) == len(cpu) == len(kept):
            raise Malformed(
                f"expected 1 to {worker.RUNS_PER_BLOCK} runs of a block, each with wall_ns, cpu_ns and kept, "
                f"got {len(wall)}, {len(cpu)} and {len(kept)}"
            )
        energy = None if fields.get("energy_uj") is None else number(fields, "energy_uj")
        return cls(np.array(wall, np.int64), np.array(cpu, np.int64), np.array(kept, bool), energy)


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """The pairs `(candidate[i], reference[i])`, taken next to each other in time, in random order within a pair.

    `seconds` is what the timed blocks took, after `warmup_seconds`; `session_seconds` is the creation of the
    candidate's session. `detects_preemption` is false where all runs are kept since none can be told from another:
    with several threads, or on a CPU clock that is too coarse. `foreign_cores` are the cores that other programs kept
    busy during each pair; empty where the device does not tell. `cores` are those the worker may use. `clock_mhz` is
    the processor's clock at the beginning and at the end, 0 where the device does not tell. `usual_ms` is what a run of
    the reference takes on this device as a rule; 0 where nothing is known but this timing. `beside` names a process of
    another user that measured there all along, or kept others from it.
    """

    candidate: tuple[Block, ...]
    reference: tuple[Block, ...]
    seconds: float
    warmup_seconds: float
    session_seconds: float
    detects_preemption: bool
    foreign_cores: tuple[float, ...] = ()
    cores: int = 0
    clock_mhz: tuple[float, float] = (0.0, 0.0)
    usual_ms: float = 0.0
    beside: str = ""

    @property
    def median_ms(self) -> float:
        """Of the reference's blocks; 0 where all runs were preempted."""
        return statistics.median([block.median_ms() for block in self.reference if block.kept.any()] or [0.0])

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Timing:
        """As a worker sends it; `Malformed` where its numbers cannot be those of a timing."""
        pairs = objects(fields, "pairs", least=1)
        candidate, reference = (tuple(Block.from_json(mapping(p, role)) for p in pairs) for role in ROLES)
        for role, blocks in zip(ROLES, (candidate, reference), strict=True):
            lengths = {block.kept.size for block in blocks}
            if len(lengths) > 1:
                raise Malformed(f"pairs: expected blocks of one length for the {role}, got {sorted(lengths)}")
        seconds = number(fields, "seconds", high=MOST_SECONDS)
        timed_ns = sum(int(block.wall_ns.sum()) for block in candidate + reference)
        if timed_ns > 1.01e9 * seconds + 1e6:  # the same clock has read both
            raise Malformed(f"pairs: expected runs within the {seconds:g} s that they took, got {timed_ns / 1e9:g} s")
        foreign = numbers(fields, "foreign_cores", high=MOST_CORES)
        if len(foreign) not in (0, len(pairs)):
            raise Malformed(f"foreign_cores: expected one for each of {len(pairs)} pairs, or none, got {len(foreign)}")
        clock = numbers(fields, "clock_mhz", high=1e6)
        if len(clock) != 2:
            raise Malformed(f"clock_mhz: expected one at the beginning and one at the end, got {len(clock)}")
        return cls(
            candidate=candidate,
            reference=reference,
            seconds=seconds,
            warmup_seconds=number(fields, "warmup_seconds", high=MOST_SECONDS),
            session_seconds=number(fields, "session_seconds", high=MOST_SECONDS),
            detects_preemption=flag(fields, "drops"),
            foreign_cores=foreign,
            cores=integer(fields, "cores", high=MOST_CORES),
            clock_mhz=(clock[0], clock[1]),
            beside=text(fields, "beside"),
        )
