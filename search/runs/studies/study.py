"""The Optuna study of a run: in memory while searching, rebuilt from disk at the start, on disk after every trial."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from ....evaluators.results.budget import Budget
from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.floor import Floor
from ....evaluators.results.metrics import Named, metric_of
from ....spaces.errors import ConfigError
from ....spaces.masking import masked_text
from ....spaces.messages import one_line
from ....spaces.policy import Policy
from ....spaces.space import SearchSpace
from ..record import TrialRecord
from .alone import Alone
from .finished_trial import TrialsInMemory
from .mirror import mirror
from .study_file import StudyFile, is_full, set_aside
from .told import DIGEST, Told, directions_of

REPEATS = "repeats"
"""User attribute of a trial whose policy had been tried: the number of the trial that did."""
LOST = "lost"
"""User attribute of a trial in memory that stands for one which was under way when its process ended."""
_NAME = "search"
"""Of the study in memory; on disk it has the run's."""


class RunStudy(Alone):
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
        self._memory = TrialsInMemory()
        self._study = optuna.create_study(
            storage=self._memory, study_name=_NAME, directions=self._directions, sampler=sampler
        )
        self._floor = floor
        self._file: StudyFile | None = None
        self._path: Path | None = None
        self._attributes: dict[str, Any] = {}

    def keep_in(
        self,
        folder: Path,
        url: str | None,
        records: Sequence[TrialRecord] | None = None,
        space: SearchSpace | None = None,
        asked: Mapping[int, Policy] | None = None,
        name: str | None = None,
    ) -> list[str]:
        """Go on from the study on disk, and keep it there: the run's ``study.db``, or the Optuna storage at ``url``.

        A ``study.db`` that cannot be used (damaged, locked by another process, a folder) is set aside; the trials are
        told again from their records as they are asked for.

        Args:
            folder: of the run.
            url: of an Optuna storage, where one is configured.
            records: of the run's trials; None where it keeps none to compare with.
            space: of their policies; needed where there are records.
            asked: policies that were under way when an earlier session ended, by the trial's number;
                :meth:`under_way` gives their trials.
            name: of the study; by default the folder's.

        Returns:
            What the user should know, in lines.

        Raises:
            ConfigError: where the study at ``url`` is another run's.
        """
        name = name or folder.name
        recorded = None if records is None else {record.policy.digest for record in records}
        known: dict[int, TrialRecord | Policy] = {
            **(asked or {}),
            **{record.number: record for record in records or ()},
        }
        if url is not None:
            file, finished = self._open(url, name)
            if _unrecorded(finished, recorded):
                file.close()
                raise ConfigError(
                    f"the study {name!r} in {masked_text(url)} is of another run; give this run another name"
                )
            self._go_on(file, finished, known, space)
            return []
        self._path, notes = folder / "study.db", []
        try:
            file, finished = self._open(self._path, name)
            if _unrecorded(finished, recorded):
                file.close()
                raise ValueError("it has trials that the run has no records of")
        except Exception as error:  # whatever is wrong with it: the trials' own files have all that is in it
            if is_full(error):
                raise
            notes = [self._set_aside(error)]
            file, finished = self._open(self._path, name)
        self._go_on(file, finished, known, space)
        return notes

    def _open(self, where: Path | str, name: str) -> tuple[StudyFile, list[FrozenTrial]]:
        file = StudyFile(where, name, self._directions, [m.name for m in self._objectives])
        try:
            return file, [trial for trial in file.trials() if trial.state.is_finished()]
        except BaseException:
            file.close()
            raise

    def _go_on(
        self,
        file: StudyFile,
        finished: Sequence[FrozenTrial],
        known: Mapping[int, TrialRecord | Policy],
        space: SearchSpace | None,
    ) -> None:
        """Take over the trials of an earlier session, with their numbers.

        Where several evaluations were under way when it ended, numbers are missing: of trials that were recorded and
        not told, which are told now, of trials that are evaluated now, and of lost ones, whose numbers are passed over.
        """
        self._file = file
        self._attributes = file.attributes()
        for key, value in self._attributes.items():
            self._memory.set_study_system_attr(self._study_id, key, value)
        for trial in finished:
            self._fill(trial.number, known, space)
            self._study.add_trial(trial)
        self._fill(1 + max((n for n, what in known.items() if isinstance(what, Policy)), default=-1), known, space)

    def _fill(self, end: int, known: Mapping[int, TrialRecord | Policy], space: SearchSpace | None) -> None:
        """Give the numbers up to ``end`` a trial each."""
        while (number := self.next_number) < end:
            what = known.get(number) if space is not None else None
            if isinstance(what, TrialRecord) and space is not None:
                self.add(what, space)
            elif isinstance(what, Policy) and space is not None:
                self._study.add_trial(
                    create_trial(
                        state=TrialState.RUNNING,
                        params=space.encode(what),
                        distributions=dict(space.distributions),
                        user_attrs={DIGEST: what.digest},
                    )
                )
            else:
                self._study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={LOST: True}))

    def under_way(self) -> list[Trial]:
        """The trials that :meth:`keep_in` was told of as asked for and not recorded, by number."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [Trial(self._study, trial._trial_id) for trial in running]

    def _set_aside(self, error: Exception) -> str:
        """Move a database away that cannot be used; a line that says so."""
        assert self._path is not None
        aside = set_aside(self._path)
        return f"{self._path.name} cannot be used ({one_line(error)}): kept as {aside.name}, made anew from the trials"

    @property
    def next_number(self) -> int:
        """That of the trial that is asked for next."""
        return self._memory.trial_count

    def ask(self) -> Trial:
        return self._study.ask()

    def claim(self, trial: Trial, policy: Policy) -> bool:
        """Let samplers know that the policy is being evaluated, so that none suggests it again meanwhile."""
        trial.set_user_attr(DIGEST, policy.digest)
        return True

    def tell(self, trial: Trial, policy: Policy, record: TrialRecord) -> list[str]:
        """Tell how the policy fared, in this trial or in the earlier one that it repeats.

        Samplers learn from complete trials only; an infeasible or failed one is told as failed, and its digest kept
        so that none tries it again.

        Returns:
            What the user should know, in lines.
        """
        return self.end(trial, self.describe(trial, record))

    def describe(self, trial: Trial, record: TrialRecord) -> list[float] | None:
        """Set the attributes and constraints of a trial; the values of its objectives, where it is complete."""
        told = Told.of(record, self._objectives, self._budgets, self._baseline, self._floor)
        attributes = told.attributes | ({REPEATS: record.number} if record.number != trial.number else {})
        for key, value in attributes.items():
            trial.set_user_attr(key, value)
        for name, violation in told.constraints.items():
            trial.set_constraint(name, violation)
        return told.values

    def add_recorded(self, by_number: Mapping[int, TrialRecord], space: SearchSpace) -> None:
        """Tell of the recorded trials whose numbers come next, without asking for them."""
        while (record := by_number.get(self.next_number)) is not None:
            self.add(record, space)

    def take_in(self, trial: FrozenTrial) -> None:
        """Let samplers know of a trial of another process, as it is by now."""
        mirror(self._memory, self._study_id, trial)

    def as_it_is(self, trial: Trial) -> FrozenTrial:
        """A trial of this process with all that has been set."""
        return self._study.get_trials(deepcopy=False)[trial.number]

    def add(self, record: TrialRecord, space: SearchSpace) -> None:
        """Tell of a recorded trial without asking for it, under :attr:`next_number`, which has to be its own.

        With several workers what a sampler suggests depends on what had ended by then, so that to ask again would give
        another policy.
        """
        assert record.number == self.next_number
        told = Told.of(record, self._objectives, self._budgets, self._baseline, self._floor)
        state = TrialState.COMPLETE if told.values else TrialState.FAIL
        self._study.add_trial(
            create_trial(
                state=state,
                values=told.values,
                params=space.encode(record.policy),
                distributions=dict(space.distributions),
                user_attrs=told.attributes,
                constraints=told.constraints,
            )
        )
        self._write(self._study.get_trials(deepcopy=False)[-1])

    def catch_up(self, records: Mapping[int, TrialRecord], space: SearchSpace) -> None:
        """Tell of trials by number that are recorded and were not told, when no more are asked for.

        They are the last ones of a session that was killed in between, or all where the database was lost.
        """
        self._fill(1 + max(records, default=-1), records, space)

    def skip(self, trial: Trial) -> list[str]:
        """Pass over a number that the record of another policy has: the study was lost, or its sampler has changed."""
        return self.end(trial, None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def end(self, trial: Trial, values: list[float] | None) -> list[str]:
        """Finish a trial, with the values of the objectives or, without, as failed."""
        return self._write(self._study.tell(trial, values, state=TrialState.COMPLETE if values else TrialState.FAIL))

    def _write(self, told: FrozenTrial) -> list[str]:
        """Append a finished trial to what is on disk."""
        if self._file is None:
            return []
        attributes = self._memory.get_study_system_attrs(self._study_id)
        known = self._attributes  # most are the same objects: NSGA-II adds one with every generation
        changed = {key: v for key, v in attributes.items() if known.get(key) is not v and known.get(key) != v}
        try:
            self._file.append(told, changed)
        except (sqlite3.Error, SQLAlchemyError) as error:
            if is_full(error):
                raise
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
            if trial.state.is_finished() and LOST not in trial.user_attrs:
                self._file.append(trial, attributes)
        return note

    @property
    def _study_id(self) -> int:
        return self._memory.get_study_id_from_name(_NAME)


def _unrecorded(finished: Sequence[FrozenTrial], recorded: Collection[str] | None) -> bool:
    """Whether a study has trials of policies that its run knows nothing of."""
    return recorded is not None and not {t.user_attrs.get(DIGEST, "") for t in finished} <= {"", *recorded}
