"""How a controller comes to search in a study that others search in, too: it has to be about the same as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..evaluators.results.fields import Fields
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import ConfigError
from .runs.identity.baseline import check_baseline
from .runs.identity.study_identity import identity_differences, identity_of
from .runs.record import candidate_of, candidate_to_json
from .runs.run import Run
from .runs.studies.database import is_shared, masked_url
from .runs.studies.membership import Membership

_BASELINE = "parefront baseline"
"""Attribute of a study: the uncompressed model as the first of its controllers has measured it."""


@contextmanager
def joined(run: Run, evaluator: Evaluator, say: Callable[[str], None]) -> Iterator[Membership | None]:
    """Take part in the study of other controllers while the context lasts; None where it is this run's alone.

    All judge by the uncompressed model as the first has measured it, so that one and the same candidate is the same to
    all of them.

    Args:
        run: of this controller; its uncompressed model has been measured.
        evaluator: what it evaluates with.
        say: told what the user should know while the database is away.

    Raises:
        ConfigError: where the study is of another task, space, device or search, or the run of another study.
    """
    settings = run.settings
    if settings.storage is None or not is_shared(settings.storage):
        yield None
        return
    name = study_of(run)
    where = f"the study {name!r} in {masked_url(settings.storage)}"

    def check(there: Mapping[str, Any]) -> None:
        if found := identity_differences(there, identity, name):
            raise ConfigError(
                f"run {run.name} cannot search in {where}, which is of {'; '.join(found)}; name another one with "
                "search.study"
            )

    identity = identity_of(run.config, evaluator.environment, run.fingerprint, evaluator.space)
    member = Membership(settings.storage, name, run.path, settings.searched, identity, check, say)
    try:
        _agree_on_baseline(run, member)
        yield member
    finally:
        member.close()


def study_of(run: Run) -> str:
    """The name of the run's study in its storage."""
    return run.settings.study or run.name


def _agree_on_baseline(run: Run, member: Membership) -> None:
    own = run.search_baseline
    seconds = Fields.read(run.path / "baseline.json").number("seconds")
    agreed = member.agree(_BASELINE, candidate_to_json(own, run.path, seconds))
    first = candidate_of(Fields(run.path / "baseline.json", agreed), run.path)
    if first.metrics == own.metrics and first.sha256 == own.sha256:
        return
    check_baseline(run.name, first, own)
    if run.trials:
        raise ConfigError(
            f"run {run.name} has trials that were judged by another measurement of the uncompressed model than those "
            f"of the study {member.name!r}; give this run another name"
        )
    run.write_baseline(first, seconds)
