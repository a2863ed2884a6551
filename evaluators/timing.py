"""What the worker's clock has read: blocks of runs of a candidate and of a reference, in interleaved pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Clock = Literal["wall", "cpu"]


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
        wall, cpu = (np.asarray(fields[key], dtype=np.int64) for key in ("wall_ns", "cpu_ns"))
        energy = fields.get("energy_uj")
        return cls(wall, cpu, np.asarray(fields["kept"], dtype=bool), None if energy is None else float(energy))


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """The pairs `(candidate[i], reference[i])`, taken next to each other in time, in random order within a pair.

    `seconds` is what the timed blocks took, after `warmup_seconds`; `session_seconds` is the creation of the
    candidate's session. `detects_preemption` is false where all runs are kept since none can be told from another:
    with several threads, or on a CPU clock that is too coarse. `foreign_cores` are the cores that other programs kept
    busy during each pair; empty where the device does not tell. `cores` are those the worker may use. `clock_mhz` is
    the processor's clock at the beginning and at the end, 0 where the device does not tell. `usual_ms` is what a run of
    the reference takes on this device as a rule; 0 where nothing is known but this timing.
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

    @property
    def median_ms(self) -> float:
        """Of the reference's blocks; 0 where all runs were preempted."""
        return statistics.median([block.median_ms() for block in self.reference if block.kept.any()] or [0.0])

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Timing:
        before, after = fields.get("clock_mhz", (0.0, 0.0))
        return cls(
            candidate=tuple(Block.from_json(pair["candidate"]) for pair in fields["pairs"]),
            reference=tuple(Block.from_json(pair["reference"]) for pair in fields["pairs"]),
            seconds=float(fields["seconds"]),
            warmup_seconds=float(fields["warmup_seconds"]),
            session_seconds=float(fields["session_seconds"]),
            detects_preemption=bool(fields["drops"]),
            foreign_cores=tuple(map(float, fields.get("foreign_cores", ()))),
            cores=int(fields.get("cores", 0)),
            clock_mhz=(float(before), float(after)),
        )
