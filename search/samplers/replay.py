"""The replay sampler: the policies of an earlier run once more, its front first; for another device, say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.errors import SpaceExhausted
from ...evaluators.results.measurement import Measurement
from ...evaluators.results.metric import is_timed
from ...evaluators.runtimes.counterparts import counterparts
from ...spaces.errors import ConfigError
from ...spaces.policy import Policy
from ...spaces.runtime_knob import renamed_runtime
from ..runs.reused_run import scored
from ..runs.run import Run
from ..runs.runtimes import runtimes_called
from ..runs.studies.history import tried_digests
from .context import SamplerContext
from .joint_sampler import TogetherSampler
from .options import read_options

CREDIT = 0.75
"""What a candidate's time is multiplied by to see whether it might be on the front of another device."""

_POLICIES = "replayed"
"""Key in the context's memory."""


@dataclass(frozen=True)
class ReplayOptions:
    """Attributes:
    run: name under ``runs/``, or path, of the earlier run.
    promising: leave out what other candidates would dominate even if it took a quarter less of the time.
    """

    run: str = ""
    promising: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.run, str) or not self.run:
            raise ConfigError("sampler_options: 'replay' needs the run whose policies it takes: {run: RUN}")


class ReplaySampler(TogetherSampler):
    """Suggests what an earlier run has measured in full, and ends the search when there is no more."""

    def __init__(self, context: SamplerContext) -> None:
        super().__init__(context)
        self._space = context.space
        options = read_options(ReplayOptions, context.options, "replay")
        if _POLICIES not in context.memory:
            context.memory[_POLICIES] = replayed_in(Run.open(options.run, context.root), context, options.promising)
        self._policies: list[Policy] = context.memory[_POLICIES]

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        tried = tried_digests(study)
        for policy in self._policies:
            if policy.digest not in tried:
                return self._space.encode(policy)
        raise SpaceExhausted(f"all {len(self._policies)} policies have been replayed")


def replayed_in(run: Run, context: SamplerContext, promising: bool) -> list[Policy]:
    """As :func:`replayed`, as another search writes them: without those for runtimes that it does not have.

    Raises:
        ConfigError: where all of them are.
    """
    found, called = replayed(run, promising), runtimes_called(run.environment)
    names = counterparts(called, context.runtimes)
    here = [policy for policy in (renamed_runtime(policy, names) for policy in found) if policy is not None]
    if found and not here:
        there, its = (", ".join(c.runtime for c in known.values()) for known in (called, context.runtimes))
        raise ConfigError(f"run {run.name} has no candidate for what runs here ({there} there, {its} here)")
    return list(dict.fromkeys(here))


def replayed(run: Run, promising: bool = False) -> list[Policy]:
    """The policies of a run that were scored in full: those of its front, then the others in the order of its trials.

    Who is good on one device is mostly good on another, and shows early who of the others need not be timed for long.
    """
    candidates = scored(run)
    members = {member.policy.digest for member in run.front} if candidates else set()
    candidates.sort(key=lambda candidate: candidate.policy.digest not in members)
    if promising:
        candidates = [candidate for candidate in candidates if _promising(candidate, candidates, run)]
    return [candidate.policy for candidate in candidates]


def _promising(candidate: Candidate, others: list[Candidate], run: Run) -> bool:
    """Whether it would be on the front if all that a device measures of it were lower by a quarter."""
    timed = {key: measured for key, measured in candidate.metrics.items() if is_timed(key)}
    credited = {key: Measurement.exact(CREDIT * seen.value, seen.unit) for key, seen in timed.items()}
    faster = replace(candidate, metrics={**candidate.metrics, **credited})
    rest = [other for other in others if other is not candidate]
    return any(member is faster for member in run.front_of([*rest, faster], run.search_baseline))
