"""What a session of a search begins with: what its sampler may know, and the study with all that was told before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..evaluators.results.candidate import Candidate
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import ConfigError
from ..spaces.policy import Policy
from ..spaces.runtime_knob import RUNTIME
from .runs.record import TrialRecord
from .runs.run import Run
from .runs.runtimes import runtimes_called
from .runs.studies.membership import Membership
from .runs.studies.shared_study import SharedStudy
from .runs.studies.study import RunStudy
from .samplers.context import SamplerContext
from .shared import study_of
from .surrogate.sensitivity import Sensitivity

WITHOUT_FIRST = frozenset({"amc", "bisect", "given", "peel", "replay", "uniform"})
"""Samplers whose policies come in an order of their own."""


def sampler_context(
    run: Run, evaluator: Evaluator, baseline: Candidate, probe: Callable[[], Sensitivity]
) -> SamplerContext:
    """What the sampler of a run is made from."""
    settings = run.settings
    walks = settings.sampler in WITHOUT_FIRST
    return SamplerContext(
        settings.seed,
        evaluator.space,
        settings.searched,
        settings.budgets,
        settings.trials,
        baseline,
        search_seed=settings.seed,
        layers=evaluator.layers,
        probe=probe,
        options=settings.sampler_options,
        root=run.root,
        runtimes=runtimes_called(evaluator.environment),
        first=() if walks else landmarks_of(evaluator),
    )


def landmarks_of(evaluator: Evaluator) -> tuple[Policy, ...]:
    """Where the runtime is searched: the network as it is, and plainly quantised, in every runtime."""
    space = evaluator.space
    return tuple(map(space.canonical, evaluator.bases)) if any(knob.name == RUNTIME for knob in space) else ()


def open_alone(
    run: Run, evaluator: Evaluator, study: RunStudy, records: Mapping[str, TrialRecord], asked: Mapping[int, Policy]
) -> list[str]:
    """Keep a study in its place, going on with what is there; what the user should know, in lines."""
    known, space = list(records.values()), evaluator.space
    return study.keep_in(run.path, run.settings.storage, known, space, asked, study_of(run))


def open_shared(
    run: Run, study: RunStudy, member: Membership, records: Mapping[str, TrialRecord]
) -> tuple[SharedStudy, list[TrialRecord]]:
    """The study of all controllers, and the records there that this run has not.

    Raises:
        ConfigError: where the run has records that are not there.
    """
    shared = SharedStudy(member, study, run.settings.trials)
    told = {record.policy.digest: record for record in shared.news()}
    if records.keys() - told.keys():
        raise ConfigError(
            f"run {run.name} has trials that the study {study_of(run)!r} in search.storage has not: "
            "it is another one, or was made anew; give this run another name"
        )
    return shared, [record for digest, record in told.items() if digest not in records]
