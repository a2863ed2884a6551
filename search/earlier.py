"""What an earlier run knows of its candidates whatever the device: how accurate they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluators import DeviceProfile, Measurement
from ..spaces import ConfigError, ParefrontError, Policy
from ..spaces.files import write_bytes
from .candidate import Candidate
from .fingerprint import Fingerprint
from .identity import profiles
from .metric import COSTS, Kind, Metric
from .run import Run

BUILT_FOR = "built_for"
"""In a run's environment: the profile of the device whose artefacts it measures, where that is another one."""


@dataclass(frozen=True)
class Earlier:
    """The scores of a run.

    Attributes:
        run: its name.
        config: what it was made with.
        profile: the device that its artefacts were built for: vector width, signedness.
        model_sha256: of the weights it started from, as they were traced.
        fingerprint: of its task; None where a version made the run that kept none.
        candidates: by digest of the policy; those of the final front with their score on the test split.
        quality: the metric of its task.
    """

    run: str
    config: Mapping[str, Any]
    profile: DeviceProfile
    model_sha256: str
    fingerprint: Fingerprint | None
    candidates: Mapping[str, Candidate]
    quality: Metric

    @classmethod
    def of(cls, run: Run) -> Earlier:
        """What is on disk.

        Raises:
            ConfigError: where the run has measured nothing.
        """
        environment = run.environment
        if not environment or not run.has_baseline:
            raise ConfigError(f"run {run.name} has measured nothing yet, so there are no scores to take over")
        complete = {candidate.policy.digest: candidate for candidate in scored(run)}
        final = {candidate.policy.digest: candidate for candidate in run.finalised.values()}
        measured = environment.get(BUILT_FOR) or environment.get("device")
        profile = profiles({"device": measured}).get("")
        if profile is None:
            raise ConfigError(f"run {run.name} tells no device (environment.json), so nothing can be taken over")
        known = {**complete, **final, Policy().digest: run.baseline}
        weights = str(environment.get("model_sha256"))
        return cls(run.name, run.config, profile, weights, run.fingerprint, known, run.settings.quality)

    def check_task(self, here: Fingerprint) -> None:
        """Raise ``ConfigError`` where scores would be taken over for another task, naming all that differs."""
        found = self.fingerprint.differences(here) if self.fingerprint is not None else []
        if found:
            raise ConfigError(
                f"run {self.run} is of another task: {'; '.join(found)}; its scores tell nothing of this one"
            )

    def check(self, model_sha256: str, config: Mapping[str, Any], quality: Metric) -> None:
        """Raise ``ConfigError`` where scores would be taken over for other weights, methods, images or metric."""
        if model_sha256 != self.model_sha256:
            there, here = self.model_sha256[:12], model_sha256[:12]
            raise ConfigError(
                f"run {self.run} was made with other weights (SHA-256 {there}… there, {here}… here); its scores tell "
                "nothing of these"
            )
        if quality != self.quality:
            raise ConfigError(
                f"run {self.run} was scored by {self.quality.worded}, and the task's metric is {quality.worded}; its "
                "scores tell nothing here"
            )
        searches = [c.get("search", {}) for c in (self.config, config)]
        pairs = {f"search.{key}": tuple(search.get(key) for search in searches) for key in ("images", "seed")}
        pairs["compress"] = self.config.get("compress"), config.get("compress")
        for key, (there, here) in pairs.items():
            if there != here:
                raise ConfigError(f"run {self.run} was made with another {key} ({there!r} there, {here!r} here)")

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
        return Candidate(policy, counted, path, known.sha256, notes=known.notes)

    def scores(self, policy: Policy, prefix: str = "") -> dict[str, Measurement] | None:
        """The task's metric, and its paired change, as measured then; of the test split with the prefix ``"test_"``."""
        known = self.candidates.get(policy.digest)
        names = (f"{prefix}{self.quality.key}", f"{prefix}{self.quality.key}_change")
        found = {name: known.metrics[name] for name in names if known is not None and name in known.metrics}
        return found or None


def scored(run: Run) -> list[Candidate]:
    """The candidates whose accuracy is known on all images, in the order of the trials.

    Those are the ones that were not stopped early; and all of a run that has taken scores over, where only the latency
    of some was not measured in full.
    """
    measured = [record.candidate for record in run.trials if record.candidate is not None]
    taken_over = bool(run.config.get("search", {}).get("reuse_scores"))
    return [candidate for candidate in measured if taken_over or not candidate.stopped_early]
