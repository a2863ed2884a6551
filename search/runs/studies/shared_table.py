"""What controllers agree on in one database: who evaluates which policy under which number, and what came of it.

Everything is kept in Optuna's own tables, so that any tool of Optuna's world reads it. Every transaction first locks
the study's row, as Optuna does where it numbers a trial, and catches up with what the others have done: so whatever it
decides, it decides on all there is to know.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, MetaData, insert, select

from ....spaces.errors import ConfigError
from .leases import Heartbeat, Lease, delete_lease, insert_lease, leases_in
from .mirror import ABANDONED, CONTROLLER, RECORD
from .told import DIGEST
from .trial_rows import TABLES, TrialRows

IDENTITY = "parefront"
"""Attribute of a study: what its controllers are about, as the first of them has said."""


class Refused(Enum):
    """Why a controller is given no trial, or may not go on with one."""

    ALL_TAKEN = "as many trials are recorded or being evaluated as were asked for"
    ALL_DONE = "as many trials are recorded as were asked for"
    NOT_ITS_OWN = "the others took this controller for dead, and gave its trial up"


@dataclass(frozen=True)
class Reserved:
    """A trial that this controller may fill in.

    Attributes:
        number: of the trial.
        key: of its row in the database.
    """

    number: int
    key: int


@dataclass(frozen=True)
class _Open:
    """A trial that is not finished, as last read."""

    number: int
    owner: str
    digest: str | None


class SharedTable:
    """The trials of one study, as one controller reads and writes them. Not to be used by two threads at once.

    Args:
        storage: of the database.
        study: its key there.
        lease: of this controller, in this process.
    """

    def __init__(self, storage: RDBStorage, study: int, lease: Lease) -> None:
        self._engine, self._study, self._lease, self.session = storage.engine, study, lease, lease.session
        metadata = MetaData()
        metadata.reflect(self._engine, only=TABLES)
        self._studies, self._attributes = (metadata.tables[name] for name in ("studies", "study_user_attributes"))
        self._rows = TrialRows(metadata.tables, study)
        self._last = -1
        self._count = self._recorded = 0
        self._open: dict[int, _Open] = {}
        self._sure: set[int] = set()
        self._taken: dict[str, int] = {}
        self._news: list[FrozenTrial] = []

    def identify(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """Say what this controller is about, if it is the first.

        Returns:
            What the first controller of the study is about.

        Raises:
            ConfigError: where the study has trials and none of ours has made it.
        """
        with self._locked() as connection:
            return self._agree(connection, IDENTITY, dict(identity), first=self._count == 0)

    def join(self) -> None:
        """Take part from now on.

        A controller that was killed in this very folder is known to be dead: its trials are given up at once.
        """
        with self._locked() as connection:
            leases = leases_in(connection, self._attributes, self._study).values()
            self._give_up(connection, {s.session: s.beat for s in leases if s.place == self._lease.place})

    def heartbeat(self) -> Heartbeat:
        """What keeps the others from taking this controller for dead; not started."""
        return Heartbeat(self._engine, self._attributes, self._study, self._lease)

    def reserve(self, limit: int, dead: Mapping[str, int]) -> Reserved | Refused:
        """A trial for this controller, unless as many are recorded or under way as are asked for.

        Done twice, it gives the same one as long as that has no policy.

        Args:
            limit: trials that may be recorded and under way, of all controllers.
            dead: controllers that are taken for dead, with the beat that was last seen of each; their trials are given
                up where there was none since.
        """
        with self._locked() as connection:
            ended = self._give_up(connection, dead)
            for key, trial in self._open.items():
                if trial.owner == self.session and trial.digest is None:
                    return Reserved(trial.number, key)
            under_way = sum(bool(trial.owner) and key not in ended for key, trial in self._open.items())
            if self._recorded + under_way >= limit:
                return Refused.ALL_DONE if self._recorded >= limit else Refused.ALL_TAKEN
            number = self._count
            key = self._rows.create(connection, number)
            self._rows.write_attributes(connection, "user", key, {CONTROLLER: self.session}, fresh=True)
        self._last, self._count = key, number + 1
        self._know(key, _Open(number, self.session, None))
        return Reserved(number, key)

    def claim(self, reserved: Reserved, trial: FrozenTrial) -> int | Refused:
        """Say which policy a reserved trial is of, unless another trial is of it.

        Returns:
            The number of the trial that the policy is evaluated in: this one's, or that of the other.
        """
        digest = trial.user_attrs[DIGEST]
        with self._locked() as connection:
            if self._open.get(reserved.key, _GONE).owner != self.session:
                return Refused.NOT_ITS_OWN
            if digest in self._taken:
                return self._taken[digest]
            self._sure.discard(reserved.key)
            self._rows.write_params(connection, reserved.key, trial)
            self._rows.write_attributes(connection, "user", reserved.key, trial.user_attrs, fresh=True)
            self._rows.write_attributes(connection, "system", reserved.key, trial.system_attrs, fresh=True)
        self._taken[digest] = reserved.number
        self._know(reserved.key, _Open(reserved.number, self.session, digest))
        return reserved.number

    def end(self, reserved: Reserved, trial: FrozenTrial, values: Collection[float] | None, record: str | None) -> bool:
        """Finish a trial of this controller, whole or not at all.

        Args:
            reserved: the trial.
            trial: with all its attributes.
            values: of the objectives, in their order; None where there are none, and it counts as failed.
            record: the trial's record as JSON; None where it only repeats another.

        Returns:
            Whether it was this controller's to finish; a second time it still is.
        """
        with self._locked() as connection:
            if self._open.get(reserved.key, _GONE).owner != self.session:
                keys = self._rows.attributes_of(connection, reserved.key)
                return CONTROLLER in keys and ABANDONED not in keys
            self._sure.discard(reserved.key)
            recorded = {} if record is None else {RECORD: json.loads(record)}
            self._rows.write_attributes(connection, "user", reserved.key, {**trial.user_attrs, **recorded})
            self._rows.write_attributes(connection, "system", reserved.key, trial.system_attrs)
            self._rows.finish(connection, reserved.key, values)
        del self._open[reserved.key]
        self._recorded += record is not None
        return True

    def look(self) -> None:
        """Read what the others have done."""
        with self._engine.begin() as connection:
            self._catch_up(connection)

    @property
    def others_at_work(self) -> bool:
        """Whether another controller evaluates a trial."""
        return any(trial.owner not in ("", self.session) for trial in self._open.values())

    def news(self) -> list[FrozenTrial]:
        """Trials of others that were found to have come or changed since the last call, by number.

        Each is as it is by now; its record is the attribute ``RECORD``.
        """
        found = {trial.number: trial for trial in self._news}
        self._news = []
        return [found[number] for number in sorted(found)]

    def agree(self, key: str, value: dict[str, Any]) -> dict[str, Any]:
        """The attribute of the study under that key: what the first controller to ask has said."""
        with self._locked() as connection:
            return self._agree(connection, key, value)

    def leave(self) -> None:
        """Give up the trials of this controller that are not finished, and let the others know that it has gone."""
        with self._locked() as connection:
            for key, trial in self._open.items():
                if trial.owner == self.session:
                    self._abandon(connection, key, "its controller has ended")
            connection.execute(delete_lease(self._attributes, self._study, self.session))

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        """A transaction that no other controller has beside it, and that knows all that they have done."""
        own = self._studies.c.study_id
        with self._engine.begin() as connection:
            connection.execute(select(own).where(own == self._study).with_for_update())
            self._catch_up(connection)
            yield connection

    def _catch_up(self, connection: Connection) -> None:
        """Read what has been committed since the last time: it stays true whatever becomes of this transaction."""
        known = {key: trial.digest is not None or key in self._sure for key, trial in self._open.items()}
        for key, trial in self._rows.read(connection, self._last, known):
            self._last = max(self._last, key)
            self._count = max(self._count, trial.number + 1)
            attributes = trial.user_attrs
            owner, digest = attributes.get(CONTROLLER, ""), attributes.get(DIGEST)
            if not trial.state.is_finished():
                self._open[key] = _Open(trial.number, owner, digest)
            else:
                self._open.pop(key, None)
                self._recorded += RECORD in attributes
            if digest is not None and (RECORD in attributes or not trial.state.is_finished()):
                self._taken[digest] = trial.number
            elif digest is not None and self._taken.get(digest) == trial.number:
                del self._taken[digest]
            if owner != self.session:
                self._news.append(trial)

    def _know(self, key: int, trial: _Open) -> None:
        """Remember what has been committed of a trial of this controller, which need not be read then."""
        self._open[key] = trial
        self._sure.add(key)

    def _give_up(self, connection: Connection, dead: Mapping[str, int]) -> set[int]:
        """End the trials of controllers that have gone: those that have no lease, or whose lease has not changed.

        Returns:
            The keys of these trials.
        """
        leases = leases_in(connection, self._attributes, self._study)
        gone = {s for s, beat in dead.items() if s in leases and leases[s].beat == beat} - {self.session}
        if self.session not in leases:
            connection.execute(insert_lease(self._attributes, self._study, self._lease))
        ended = set()
        for key, trial in self._open.items():
            if trial.owner and trial.owner != self.session and (trial.owner in gone or trial.owner not in leases):
                self._abandon(connection, key, "its controller does not answer")
                ended.add(key)
        for session in gone:
            connection.execute(delete_lease(self._attributes, self._study, session))
        return ended

    def _agree(self, connection: Connection, key: str, value: dict[str, Any], first: bool = True) -> dict[str, Any]:
        columns = self._attributes.c
        chosen = select(columns.value_json).where(columns.study_id == self._study, columns.key == key)
        said = connection.execute(chosen).scalar()
        if said is not None:
            held = json.loads(said)
            return held if isinstance(held, dict) else {}
        if not first:
            raise ConfigError(
                "search.storage: the study of that name there was not made by a search of this version; "
                "name another one with search.study"
            )
        connection.execute(insert(self._attributes).values(study_id=self._study, key=key, value_json=json.dumps(value)))
        return value

    def _abandon(self, connection: Connection, key: int, why: str) -> None:
        self._rows.write_attributes(connection, "user", key, {ABANDONED: why})
        self._rows.finish(connection, key, None)


_GONE = _Open(-1, "", None)
