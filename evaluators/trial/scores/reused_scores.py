"""What a run on another device knows of its candidates whatever the device: how accurate they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ....spaces.errors import ParefrontError
from ....spaces.files import write_bytes
from ....spaces.policy import Policy
from ...device.device_profile import DeviceProfile
from ...results.candidate import Candidate
from ...results.measurement import Measurement
from ...results.metric import COSTS, Kind, Metric

BUILT_FOR = "built_for"
"""In a run's environment: the profile of the device whose artefacts it measures, where that is another one."""


@dataclass(frozen=True)
class ReusedScores:
    """Scores that are taken over.

    Attributes:
        run: the name of the run that measured them.
        profile: the device that its artefacts were built for: vector width, signedness.
        candidates: by digest of the policy; those of the final front with their score on the test split.
        quality: the metric of its task.
        artifacts: the folder of its artefacts; None where there is none.
    """

    run: str
    profile: DeviceProfile
    candidates: Mapping[str, Candidate]
    quality: Metric
    artifacts: Path | None = None

    def copy(self, policy: Policy, path: Path) -> Candidate | None:
        """The candidate with what was counted of it then, its artefact copied to ``path``.

        None where the file was not kept, or is not the one that was scored.
        """
        known = self.candidates.get(policy.digest)
        if known is None:
            return None
        try:
            write_bytes(path, known.content())
        except ParefrontError:
            return None
        counted = {m.key: known.metrics[m.key] for m in COSTS.values() if m.kind is Kind.COUNTED}
        how = known.recovered
        trained = () if how is None else (f"trained for {how.steps} steps in run {self.run}",)
        return Candidate(policy, counted, path, known.sha256, notes=(*known.notes, *trained))

    def weights(self, policy: Policy) -> Path | None:
        """What the candidate was trained to; None where it was not."""
        known = self.candidates.get(policy.digest)
        return None if known is None else known.weights

    def scores(self, policy: Policy, prefix: str = "") -> dict[str, Measurement] | None:
        """The task's metric, and its paired change, as measured then; of the test split with the prefix ``"test_"``."""
        known = self.candidates.get(policy.digest)
        names = (f"{prefix}{self.quality.key}", f"{prefix}{self.quality.key}_change")
        found = {name: known.metrics[name] for name in names if known is not None and name in known.metrics}
        return found or None
