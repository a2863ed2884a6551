"""How long each layer of a candidate takes, and took before: what a profile of its device tells."""

from __future__ import annotations

from dataclasses import dataclass

from .finding import Finding


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

    Profiling takes time itself, so that all operators together take a little longer than a latency says.

    Attributes:
        layers: in the order of the network, those that neither of the two runs left out.
        us: microseconds a run of all operators of the candidate: of layers, and of all else (additions, conversions,
            changes of layout).
        before_us: likewise of the uncompressed model.
        findings: what costs time in the candidate, the dearest first.
    """

    layers: tuple[LayerTime, ...]
    us: float
    before_us: float
    findings: tuple[Finding, ...] = ()
