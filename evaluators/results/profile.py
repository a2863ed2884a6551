"""How long each layer of a candidate takes, and took before: what a profile of its device tells."""

from __future__ import annotations

from dataclasses import dataclass

from .finding import Finding
from .measurement import Measurement

AGREES_WITHIN = 0.15
"""Relative: how far the ratio of a profile may be from the measured one whose interval does not hold it."""


@dataclass(frozen=True, slots=True)
class LayerTime:
    """A layer of the network.

    Attributes:
        name: as in the user's model.
        us: microseconds a run that it takes in the candidate, with what the runtime has fused into it; 0 where it was
            dropped.
        before_us: likewise in the uncompressed model.
    """

    name: str
    us: float
    before_us: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A candidate and the uncompressed model, profiled by turns on one device.

    Times are those of a device on which the uncompressed model takes its latency, as are the candidate's latencies.

    Attributes:
        layers: in the order of the network, those that neither of the two runs left out.
        us: microseconds a run of the candidate: of layers, and of all else (additions, conversions, changes of layout,
            what passes between operators).
        before_us: likewise of the uncompressed model.
        findings: what costs time in the candidate, the dearest first.
        profiling_us: microseconds that profiling itself added to a run of the candidate and of the uncompressed model,
            which are left out of all times here; None where they are counted in, as runs of earlier versions have it.
    """

    layers: tuple[LayerTime, ...]
    us: float
    before_us: float
    findings: tuple[Finding, ...] = ()
    profiling_us: tuple[float, float] | None = None

    def agrees_with(self, measured: Measurement) -> bool:
        """Whether its times are to each other as the latency's ratio says, unit "x"."""
        return agree(self.us, self.before_us, measured)


def agree(us: float, before_us: float, measured: Measurement) -> bool:
    """Whether two times of a profile are to each other as a measured ratio, unit "x", says.

    They are where the interval holds their ratio, or where it is within `AGREES_WITHIN` of the value.
    """
    if before_us <= 0:
        return False
    ratio = us / before_us
    return measured.low <= ratio <= measured.high or abs(ratio / measured.value - 1) <= AGREES_WITHIN
