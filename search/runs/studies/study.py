"""The Optuna study of a run: in memory while searching, rebuilt from disk at the start, on disk after every trial."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ....evaluators.results.budget import Budget
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.floor import Floor
from ....evaluators.results.front import Front
from ....evaluators.results.metric import Metric
from ....evaluators.results.metrics import Named, metric_of, value_of
from ....evaluators.results.views.policy_words import policy_in_words
from ....spaces.errors import ConfigError
from ....spaces.masking import masked_text
from ....spaces.messages import one_line
from ....spaces.policy import Policy
from ..record import TrialRecord
from .study_file import StudyFile, set_aside

DIGEST = "digest"
"""User attribute of a trial: the digest of its policy."""
REPEATS = "repeats"
"""User attribute of a trial whose policy had been tried: the number of the trial that did."""
NOISE = "noise"
"""User attribute of a trial: half the 95 % interval of every objective, in its own unit."""
DIVERGENCE = "divergence"
"""User attribute of a trial: the divergence of its outputs from the uncompressed model's, where it was measured."""
FLOOR = "floor"
"""Constraint of a trial, where no budget bounds the quality: that it is of any use."""
_NAME = "search"
"""Of the study in memory; on disk it has the run's."""


class RunStudy:
    """Asks for trials and tells how they fared. On disk a trial exists once it is told, never half.

    A process that is killed between recording a trial in ``trials/`` and telling it finds it again when it asks: a
    repeatable sampler suggests the same policy under the same number, and the record has its outcome.
    """

    def __init__(
        self,
        objectives: Sequence[Named],
        budgets: Sequence[Budget],
        baseline: Candidate,
        sampler: BaseSampler,
        floor: Floor | None = None,
    ) -> None:
        """A study in memory; :meth:`keep_in` gives it a place on disk.

        Args:
            objectives: the metrics, in the order of the study's values.
            budgets: told as constraints.
            baseline: the uncompressed model, that budgets may be relative to.
            sampler: what suggests policies; repeatable where the study is kept on disk.
            floor: below which a candidate is of no use; told as one more constraint.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._objectives, self._budgets, self._baseline = [*map(metric_of, objectives)], tuple(budgets), baseline
        self._directions = directions_of(self._objectives)
        self._memory = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._memory, study_name=_NAME, directions=self._directions, sampler=sampler
        )
        self._floor = floor
        self._file: StudyFile | None = None
        self._path: Path | None = None
        self._attributes: dict[str, Any] = {}

    def keep_in(self, folder: Path, url: str | None, recorded: Collection[str] | None = None) -> list[str]:
        """Go on from the study on disk, and keep it there: the run's ``study.db``, or the Optuna storage at ``url``.

        A ``study.db`` that cannot be used (damaged, locked by another process, a folder) is set aside; the trials are
        told again from their records as they are asked for.

        Args:
            folder: of the run.
            url: of an Optuna storage, where one is configured; its study is named as the folder.
            recorded: digests of the policies that the run has records of; None where it keeps none to compare with.

        Returns:
            What the user should know, in lines.

        Raises:
            ConfigError: where the study at ``url`` is another run's.
        """
        if url is not None:
            file, finished = self._open(url, folder.name)
            if _unrecorded(finished, recorded):
                file.close()
                raise ConfigError(
                    f"the study {folder.name!r} in {masked_text(url)} is of another run; give this run another name"
                )
            self._go_on(file, finished)
            return []
        self._path, notes = folder / "study.db", []
        try:
            file, finished = self._open(self._path, folder.name)
            if _unrecorded(finished, recorded):
                file.close()
                raise ValueError("it has trials that the run has no records of")
        except Exception as error:  # whatever is wrong with it: the trials' own files have all that is in it
            notes = [self._set_aside(error)]
            file, finished = self._open(self._path, folder.name)
        self._go_on(file, finished)
        return notes

    def _open(self, where: Path | str, name: str) -> tuple[StudyFile, list[FrozenTrial]]:
        file = StudyFile(where, name, self._directions, [m.name for m in self._objectives])
        try:
            return file, [trial for trial in file.trials() if trial.state.is_finished()]
        except BaseException:
            file.close()
            raise

    def _go_on(self, file: StudyFile, finished: Sequence[FrozenTrial]) -> None:
        self._file = file
        self._study.add_trials(finished)
        self._attributes = file.attributes()
        for key, value in self._attributes.items():
            self._memory.set_study_system_attr(self._study_id, key, value)

    def _set_aside(self, error: Exception) -> str:
        """Move a database away that cannot be used; a line that says so."""
        assert self._path is not None
        aside = set_aside(self._path)
        return f"{self._path.name} cannot be used ({one_line(error)}): kept as {aside.name}, made anew from the trials"

    def ask(self) -> Trial:
        return self._study.ask()

    def claim(self, trial: Trial, policy: Policy) -> None:
        """Let samplers know that the policy is being evaluated, so that none suggests it again meanwhile."""
        trial.set_user_attr(DIGEST, policy.digest)

    def tell(self, trial: Trial, policy: Policy, record: TrialRecord) -> list[str]:
        """Tell how the policy fared, in this trial or in the earlier one that it repeats.

        Samplers learn from complete trials only; an infeasible or failed one is told as failed, and its digest kept
        so that none tries it again.

        Returns:
            What the user should know, in lines.
        """
        trial.set_user_attr(DIGEST, policy.digest)
        if record.number != trial.number:
            trial.set_user_attr(REPEATS, record.number)
        candidate, values = record.candidate, None
        if candidate is not None:
            values = [value_of(candidate, metric) for metric in self._objectives]
            trial.set_user_attr(NOISE, [noise_of(candidate, metric) for metric in self._objectives])
            for key, value in shown_attributes(candidate, self._objectives).items():
                trial.set_user_attr(key, value)
            if DIVERGENCE in candidate.metrics:
                trial.set_user_attr(DIVERGENCE, candidate.metrics[DIVERGENCE].value)
            for budget in self._budgets:
                trial.set_constraint(budget.text, budget.violation(candidate, self._baseline))
            if self._floor is not None:
                trial.set_constraint(FLOOR, self._floor.violation(candidate))
        return self._end(trial, values)

    def skip(self, trial: Trial) -> list[str]:
        """Pass over a number that the record of another policy has: the study was lost, or its sampler has changed."""
        return self._end(trial, None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _end(self, trial: Trial, values: list[float] | None) -> list[str]:
        told = self._study.tell(trial, values, state=TrialState.COMPLETE if values else TrialState.FAIL)
        if self._file is None:
            return []
        attributes = self._memory.get_study_system_attrs(self._study_id)
        changed = {key: value for key, value in attributes.items() if self._attributes.get(key) != value}
        try:
            self._file.append(told, changed)
        except (sqlite3.Error, SQLAlchemyError) as error:
            if self._path is None:
                raise ConfigError(f"search.storage: the study there cannot be written: {one_line(error)}") from error
            return [self._renew(error, attributes)]
        finally:
            self._attributes |= changed
        return []

    def _renew(self, error: Exception, attributes: dict[str, Any]) -> str:
        """Set the database aside while searching, and write another one from what is in memory."""
        assert self._file is not None
        assert self._path is not None
        self._file.close()
        note = self._set_aside(error)
        names = [metric.name for metric in self._objectives]
        self._file = StudyFile(self._path, self._path.parent.name, self._directions, names)
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.is_finished():
                self._file.append(trial, attributes)
        return note

    @property
    def _study_id(self) -> int:
        return self._memory.get_study_id_from_name(_NAME)


def directions_of(objectives: Sequence[Metric]) -> list[StudyDirection]:
    """Optuna's directions of objectives."""
    return [StudyDirection.MAXIMIZE if metric.higher_is_better else StudyDirection.MINIMIZE for metric in objectives]


def shown_attributes(candidate: Candidate, objectives: Sequence[Metric]) -> dict[str, Any]:
    """What dashboards show of a trial beside its values: what was done, the other metrics, the artefact's name."""
    left_out = {DIVERGENCE, *(metric.key for metric in objectives)}
    others = {key: m.value for key, m in candidate.metrics.items() if key not in left_out}
    artifact = {} if candidate.artifact is None else {"artifact": f"artifacts/{candidate.artifact.name}"}
    return {"done": policy_in_words(candidate.policy), **others, **artifact}


def note_front(front: Front, folder: Path, url: str | None) -> str:
    """Write into the study on disk what the final step has read of the front's members: test scores, and the artefact.

    Returns:
        Why that was not possible, in a line; empty where it was.
    """
    names, where = [metric.name for metric in front.objectives], folder / "study.db" if url is None else url
    try:
        with closing(StudyFile(where, folder.name, directions_of(front.objectives), names)) as file:
            shown = {c.trial: shown_attributes(c, front.objectives) for c in front if c.trial is not None}
            file.annotate({trial: {**attributes, "front": True} for trial, attributes in shown.items()})
    except (sqlite3.Error, SQLAlchemyError, OSError, ValueError) as error:
        return f"the study was not told of the front: {one_line(error)}"
    return ""


def _unrecorded(finished: Sequence[FrozenTrial], recorded: Collection[str] | None) -> bool:
    """Whether a study has trials of policies that its run knows nothing of."""
    return recorded is not None and any(t.user_attrs.get(DIGEST, "") not in {"", *recorded} for t in finished)


def noise_of(candidate: Candidate, objective: Named) -> float:
    """Half the 95 % interval of an objective; for accuracy that of the paired change, as all share their images."""
    key = metric_of(objective).key
    paired = f"{key}_change"
    return candidate.metrics[paired if paired in candidate.metrics else key].half_width
