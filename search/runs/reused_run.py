"""An earlier run whose scores are taken over: what it was made with, and whether it is of the same task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metric import Metric
from ...evaluators.trial.scores.reused_scores import BUILT_FOR, ReusedScores
from ...spaces.errors import ConfigError
from ...spaces.policy import Policy
from .identity.devices import profiles
from .identity.fingerprint import Fingerprint
from .run import Run
from .run_config import RunConfig


@dataclass(frozen=True)
class ReusedRun:
    """A run whose scores are taken over.

    Attributes:
        config: what it was made with.
        model_sha256: of the weights it started from, as they were traced.
        fingerprint: of its task; None where a version made the run that kept none.
        scores: of its candidates.
    """

    config: RunConfig
    model_sha256: str
    fingerprint: Fingerprint | None
    scores: ReusedScores

    @classmethod
    def of(cls, run: Run) -> ReusedRun:
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
        scores = ReusedScores(run.name, profile, known, run.settings.quality, run.path / "artifacts")
        return cls(run.made_with, weights, run.fingerprint, scores)

    def check_task(self, here: Fingerprint) -> None:
        """Raise ``ConfigError`` where scores would be taken over for another task, naming all that differs."""
        found = self.fingerprint.differences(here) if self.fingerprint is not None else []
        if found:
            raise ConfigError(
                f"run {self.scores.run} is of another task: {'; '.join(found)}; its scores tell nothing of this one"
            )

    def check(self, model_sha256: str, config: RunConfig, quality: Metric) -> None:
        """Raise ``ConfigError`` where scores would be taken over for other weights, methods, images or metric."""
        run, scored_by = self.scores.run, self.scores.quality
        if model_sha256 != self.model_sha256:
            there, here = self.model_sha256[:12], model_sha256[:12]
            raise ConfigError(
                f"run {run} was made with other weights (SHA-256 {there}… there, {here}… here); its scores tell "
                "nothing of these"
            )
        if quality != scored_by:
            raise ConfigError(
                f"run {run} was scored by {scored_by.worded}, and the task's metric is {quality.worded}; its "
                "scores tell nothing here"
            )
        before, after = self.config, config
        pairs: dict[str, tuple[Any, Any]] = {
            "search.images": (before.search.images, after.search.images),
            "search.seed": (before.search.seed, after.search.seed),
            "compress": (before.compress, after.compress),
        }
        for key, (there, here) in pairs.items():
            if there != here:
                raise ConfigError(f"run {run} was made with another {key} ({there!r} there, {here!r} here)")


def scored(run: Run) -> list[Candidate]:
    """The candidates whose accuracy is known on all images, in the order of the trials.

    Those are the ones that were not stopped early; and all of a run that has taken scores over, where only the latency
    of some was not measured in full.
    """
    measured = [record.candidate for record in run.trials if record.candidate is not None]
    taken_over = bool(run.made_with.search.reuse_scores)
    return [candidate for candidate in measured if taken_over or not candidate.stopped_early]
