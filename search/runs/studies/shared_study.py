"""A study that several controllers search in at the same time: as :class:`.study.RunStudy`, with the others' trials."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, Trial

from ....evaluators.results.fields import Fields
from ....spaces.policy import Policy
from ....spaces.space import SearchSpace
from ..record import TrialRecord
from .membership import Membership
from .mirror import ABANDONED, RECORD
from .shared_table import Refused, Reserved
from .study import REPEATS, RunStudy

WAIT_SECONDS = 0.5
"""Between two looks at the others where there is nothing else to do."""


class SharedStudy:
    """The trials of all controllers: first in the database, then in memory for this one's sampler, then in its run.

    A trial is reserved before the sampler is asked, its policy claimed before it is evaluated, and its record written
    by whoever still holds it: so no more trials are evaluated than were asked for, no policy twice, and what the
    database has is what every controller's run comes to have.

    Attributes:
        full: whether there is nothing to ask for until other controllers have gone on.

    Args:
        member: this controller's part in the study; left open.
        study: in memory, without a place on disk; what this process's sampler is asked in.
        limit: trials that may be recorded, of all controllers.
    """

    def __init__(self, member: Membership, study: RunStudy, limit: int) -> None:
        self._member, self._table, self._study, self._limit = member, member.table, study, limit
        self._reserved: dict[int, Reserved] = {}
        self._ended: dict[int, list[float] | None] = {}
        self._records: list[TrialRecord] = []
        self.full = False

    def ask(self) -> Trial | None:
        """A trial for this controller; None where as many as were asked for are recorded or being evaluated."""
        answer = self._member.persistently(lambda: self._table.reserve(self._limit, self._member.dead))
        news, self.full = self._table.news(), isinstance(answer, Refused)
        if isinstance(answer, Refused):
            self._take_in(news)
            return None
        self._take_in([trial for trial in news if trial.number < answer.number])
        trial = self._study.ask()
        assert trial.number == answer.number, "memory has every trial with a lesser number"
        self._take_in([trial for trial in news if trial.number > answer.number])
        self._reserved[trial.number] = answer
        return trial

    def claim(self, trial: Trial, policy: Policy) -> bool:
        """Whether the policy is this controller's to evaluate; otherwise the trial is at its end."""
        self._study.claim(trial, policy)
        frozen, reserved = self._study.as_it_is(trial), self._reserved[trial.number]
        answer = self._member.persistently(lambda: self._table.claim(reserved, frozen))
        if answer == trial.number:
            return True
        if isinstance(answer, Refused):
            self._lose(trial)
        else:
            trial.set_user_attr(REPEATS, answer)
            self._end(trial, None, None)
        self._study.end(trial, self._ended.pop(trial.number))
        return False

    def accept(self, trial: Trial, policy: Policy, record: TrialRecord) -> bool:
        """Record how an evaluation ended, for all controllers to know.

        Returns:
            Whether it counts: not where this controller had been silent for so long that its trial was given up.
        """
        values = self._study.describe(trial, record)
        told = None
        if record.number == trial.number:
            told = json.dumps({**record.to_json(self._member.folder), "controller": self._member.label})
        own = self._end(trial, values, told)
        if not own:
            self._study.end(trial, self._ended.pop(trial.number))
        return own

    def tell(self, trial: Trial, policy: Policy, record: TrialRecord) -> list[str]:
        """As :meth:`.study.RunStudy.tell`, of a trial that was accepted, or that repeats another."""
        if trial.number not in self._ended and not self.accept(trial, policy, record):
            return []
        return self._study.end(trial, self._ended.pop(trial.number))

    def give_back(self, trial: Trial) -> None:
        """End a trial that the sampler has no policy for; where others evaluate some, these may come to be free."""
        self.skip(trial)
        self.full = self._table.others_at_work

    def add_recorded(self, by_number: Mapping[int, TrialRecord], space: SearchSpace) -> None:
        """All that is recorded has been taken in already."""

    def catch_up(self, records: Mapping[int, TrialRecord], space: SearchSpace) -> None:
        """All that is recorded has been told already."""

    def under_way(self) -> list[Trial]:
        """What an earlier process had under way was given up; its policies may be suggested again."""
        return []

    def skip(self, trial: Trial) -> list[str]:
        """End a trial that came to no policy."""
        self._end(trial, None, None)
        return self._study.end(trial, self._ended.pop(trial.number))

    def news(self) -> list[TrialRecord]:
        """What the other controllers have recorded since the last call.

        Raises:
            UnreadableFile: for a record in the database that is none.
        """
        self._member.persistently(self._table.look)
        self._take_in(self._table.news())
        found, self._records = self._records, []
        return found

    def wait(self) -> None:
        """Leave the others time to go on."""
        time.sleep(WAIT_SECONDS)

    def close(self) -> None:
        self._study.close()

    def _take_in(self, trials: list[FrozenTrial]) -> None:
        for trial in trials:
            record = trial.user_attrs.pop(RECORD, None)
            self._study.take_in(trial)
            if record is not None:
                self._records.append(self._read(trial, record))

    def _read(self, trial: FrozenTrial, record: Any) -> TrialRecord:
        where = Path(f"trial {trial.number} of the study {self._member.name}")
        fields = Fields(where, dict(record) if isinstance(record, dict) else {})
        if fields.count("trial") != trial.number:
            raise fields.damaged(f"key 'trial': expected {trial.number}, got {fields.count('trial')}")
        if fields.values.get("controller") == self._member.label:
            del fields.values["controller"]
        return TrialRecord.of(fields, self._member.folder)

    def _end(self, trial: Trial, values: list[float] | None, record: str | None) -> bool:
        frozen, reserved = self._study.as_it_is(trial), self._reserved.pop(trial.number)
        own = self._member.persistently(lambda: self._table.end(reserved, frozen, values, record))
        if own:
            self._ended[trial.number] = values
        else:
            self._lose(trial)
        return own

    def _lose(self, trial: Trial) -> None:
        trial.set_user_attr(ABANDONED, Refused.NOT_ITS_OWN.value)
        self._reserved.pop(trial.number, None)
        self._ended[trial.number] = None
