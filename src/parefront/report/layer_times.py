"""What each layer of a model takes on the device, and took before, as the final step has profiled it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..evaluators.explain.excluding import within_exclude
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.profile import Profile
from ..spaces.masking import masked_text
from .network import LayerRow, Network


@dataclass(frozen=True)
class LayerTimes:
    """The profile of a model by the rows of the network.

    Attributes:
        profile: as the run keeps it.
        rows: layers of the network.
        latency_ms: of the model as measured.
        before_ms: likewise of the uncompressed model.
        ratio: of the two as measured, unit "x".
        left_out: layers by the method that the user keeps from changing them.
    """

    profile: Profile
    rows: Sequence[LayerRow]
    latency_ms: Measurement
    before_ms: Measurement
    ratio: Measurement
    left_out: Mapping[str, Collection[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        profile: Profile,
        candidate: Candidate,
        baseline: Candidate,
        network: Network,
        left_out: Mapping[str, Collection[str]],
    ) -> LayerTimes:
        """A candidate's profile, beside what was measured of the candidate and of the uncompressed model."""
        metrics, before = candidate.metrics, baseline.metrics
        measured = metrics["latency_ms"], before["latency_ms"], metrics["latency_ratio"]
        return cls(profile, network.layers, *measured, left_out)

    def to_json(self) -> dict[str, Any]:
        """Milliseconds: of each row after and before, None for one that the profile does not tell of; of the whole run
        in the profile and as measured; whether those two agree, whether profiling itself is left out; the findings."""
        known = {layer.name: [layer.us / 1000, layer.before_us / 1000] for layer in self.profile.layers}
        found = [
            {"ms": one.us / 1000, "text": masked_text(one.text), "mend": masked_text(one.mend)}
            for one in (within_exclude(found, self.left_out) for found in self.profile.findings)
        ]
        return {
            "layers": [_rounded(known.get(row.name)) for row in self.rows],
            "all": _rounded([self.profile.us / 1000, self.profile.before_us / 1000]),
            "measured": _rounded([self.latency_ms.value, self.before_ms.value]),
            "ratio": self.ratio.value,
            "agrees": self.profile.agrees_with(self.ratio),
            "without_profiling": self.profile.profiling_us is not None,
            "findings": found,
        }


def _rounded(milliseconds: list[float] | None) -> list[float] | None:
    """To ten nanoseconds, as the run keeps them."""
    return None if milliseconds is None else [round(value, 5) for value in milliseconds]
