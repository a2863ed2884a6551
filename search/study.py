"""The Optuna study of a run: in memory while searching, rebuilt from disk at the start, on disk after every trial."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from ..spaces import ConfigError, Policy, masked_text
from .budget import Budget
from .candidate import Candidate
from .metrics import higher_is_better, metric_key, value_of
from .record import TrialRecord
from .study_file import StudyFile

DIGEST = "digest"
"""User attribute of a trial: the digest of its policy."""
REPEATS = "repeats"
"""User attribute of a trial whose policy had been tried: the number of the trial that did."""
NOISE = "noise"
"""User attribute of a trial: half the 95 % interval of every objective, in its own unit."""
DIVERGENCE = "divergence"
"""User attribute of a trial: the divergence of its outputs from the uncompressed model's, where it was measured."""
_NAME = "search"


class RunStudy:
    """Asks for trials and tells how they fared. On disk a trial exists once it is told, never half.

    A process that is killed between recording a trial in ``trials/`` and telling it finds it again when it asks: a
    repeatable sampler suggests the same policy under the same number, and the record has its outcome.
    """

    def __init__(
        self, objectives: Sequence[str], budgets: Sequence[Budget], baseline: Candidate, sampler: BaseSampler
    ) -> None:
        """A study in memory; :meth:`keep_in` gives it a place on disk.

        Args:
            objectives: names of the metrics, in the order of the study's values.
            budgets: told as constraints.
            baseline: the uncompressed model, that budgets may be relative to.
            sampler: what suggests policies; repeatable where the study is kept on disk.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._objectives, self._budgets, self._baseline = tuple(objectives), tuple(budgets), baseline
        self._directions = [
            StudyDirection.MAXIMIZE if higher_is_better(name) else StudyDirection.MINIMIZE for name in objectives
        ]
        self._memory = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._memory, study_name=_NAME, directions=self._directions, sampler=sampler
        )
        self._file: StudyFile | None = None
        self._attributes: dict[str, Any] = {}

    def keep_in(self, folder: Path, url: str | None, recorded: Collection[str] = ()) -> None:
        """Go on from the study on disk, and keep it there: the run's ``study.db``, or the Optuna storage at ``url``.

        Args:
            folder: of the run.
            url: of an Optuna storage, where one is configured; its study is named as the folder.
            recorded: digests of the policies that the run has records of.

        Raises:
            ConfigError: where the study at ``url`` is another run's.
        """
        where, name = (folder / "study.db", _NAME) if url is None else (url, folder.name)
        self._file = StudyFile(where, name, self._directions, list(self._objectives))
        finished = [trial for trial in self._file.trials() if trial.state.is_finished()]
        if url is not None and any(trial.user_attrs.get(DIGEST, "") not in {"", *recorded} for trial in finished):
            raise ConfigError(f"the study {name!r} in {masked_text(url)} is of another run; give this run another name")
        self._study.add_trials(finished)
        self._attributes = self._file.attributes()
        for key, value in self._attributes.items():
            self._memory.set_study_system_attr(self._study_id, key, value)

    def ask(self) -> Trial:
        return self._study.ask()

    def tell(self, trial: Trial, policy: Policy, record: TrialRecord) -> None:
        """Tell how the policy fared, in this trial or in the earlier one that it repeats.

        Samplers learn from complete trials only; an infeasible or failed one is told as failed, and its digest kept
        so that none tries it again.
        """
        trial.set_user_attr(DIGEST, policy.digest)
        if record.number != trial.number:
            trial.set_user_attr(REPEATS, record.number)
        candidate, values = record.candidate, None
        if candidate is not None:
            values = [value_of(candidate, name) for name in self._objectives]
            trial.set_user_attr(NOISE, [noise_of(candidate, name) for name in self._objectives])
            if DIVERGENCE in candidate.metrics:
                trial.set_user_attr(DIVERGENCE, candidate.metrics[DIVERGENCE].value)
            for budget in self._budgets:
                trial.set_constraint(budget.text, budget.violation(candidate, self._baseline))
        self._end(trial, values)

    def skip(self, trial: Trial) -> None:
        """Pass over a number that the record of another policy has: the study was lost, or its sampler has changed."""
        self._end(trial, None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _end(self, trial: Trial, values: list[float] | None) -> None:
        told = self._study.tell(trial, values, state=TrialState.COMPLETE if values else TrialState.FAIL)
        if self._file is not None:
            attributes = self._memory.get_study_system_attrs(self._study_id)
            changed = {key: value for key, value in attributes.items() if self._attributes.get(key) != value}
            self._file.append(told, changed)
            self._attributes |= changed

    @property
    def _study_id(self) -> int:
        return self._memory.get_study_id_from_name(_NAME)


def noise_of(candidate: Candidate, name: str) -> float:
    """Half the 95 % interval of an objective; for accuracy that of the paired change, as all share their images."""
    key = metric_key(name)
    paired = f"{key}_change"
    return candidate.metrics[paired if paired in candidate.metrics else key].half_width
