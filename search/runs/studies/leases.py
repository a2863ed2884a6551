"""Which controllers of a shared study are alive: each counts up a number there, and watches the numbers of the others.

A controller is taken for dead once its number has stood still for a grace period during which the watcher itself has
come through to the database without a pause. So neither clocks are compared, nor is anybody taken for dead because the
database was away, or because it was the watcher that was suspended.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Delete, Engine, Insert, Table, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

BEAT_SECONDS = 5.0
"""Between two beats of a controller."""
GRACE_BEATS = 12
"""So many beats a controller may miss. A minute is long for a process that lives, however busy its machine."""
_LEASE = "controller "
"""Start of the keys of the study's attributes that are leases."""


@dataclass(frozen=True)
class Lease:
    """That a controller is at work.

    Attributes:
        session: the controller, in one process; a later process in the same folder is another.
        label: the same for people: machine and run.
        place: of its run's folder, as a digest; there is one process at a time in it.
        beat: what it has counted to.
    """

    session: str
    label: str = ""
    place: str = ""
    beat: int = 0

    @property
    def key(self) -> str:
        """Of the study's attribute that holds it."""
        return _LEASE + self.session

    def to_json(self) -> str:
        return json.dumps({"beat": self.beat, "label": self.label, "place": self.place})


def leases_in(connection: Connection, table: Table, study: int) -> dict[str, Lease]:
    """The leases of a study by session, from its attributes; what is none, whoever wrote it, is left out."""
    chosen = select(table.c.key, table.c.value_json).where(table.c.study_id == study, table.c.key.startswith(_LEASE))
    found = {}
    for key, text in connection.execute(chosen):
        with suppress(ValueError, TypeError, KeyError):
            held, session = json.loads(text), key.removeprefix(_LEASE)
            found[session] = Lease(session, str(held["label"]), str(held["place"]), int(held["beat"]))
    return found


def insert_lease(table: Table, study: int, lease: Lease) -> Insert:
    """The statement by which a controller joins; the study's row has to be locked."""
    return insert(table).values(study_id=study, key=lease.key, value_json=lease.to_json())


def delete_lease(table: Table, study: int, session: str) -> Delete:
    """The statement by which a controller leaves, or is made to."""
    return delete(table).where(table.c.study_id == study, table.c.key == Lease(session).key)


@dataclass
class Watch:
    """Who has stood still for how long.

    Attributes:
        pause: seconds between two looks from which on it is the watcher that was away, and begins anew.
        grace: seconds after which who stands still is taken for dead.
    """

    pause: float
    grace: float
    _since: dict[str, tuple[int, float]] = field(default_factory=dict)
    _last: float | None = None

    def look(self, now: float, beats: Mapping[str, int]) -> dict[str, int]:
        """Take a look at the beats of the others.

        Args:
            now: on a clock that is never set.
            beats: what each has counted to.

        Returns:
            Those that are taken for dead, with what they had counted to.
        """
        if self._last is None or now - self._last > self.pause:
            self._since = {}
        self._last = now
        before = self._since
        self._since = {
            name: before[name] if name in before and before[name][0] == beat else (beat, now)
            for name, beat in beats.items()
        }
        return {name: beat for name, (beat, since) in self._since.items() if now - since >= self.grace}


class Heartbeat:
    """A thread that counts up this controller's number, and watches those of the others.

    Attributes:
        dead: the controllers that are taken for dead, with what they had counted to.

    Args:
        engine: of the database; the thread has a connection of its own.
        table: the attributes of studies.
        study: its key.
        lease: this controller's, as it has joined.
        clock: seconds, never set back.
    """

    def __init__(
        self, engine: Engine, table: Table, study: int, lease: Lease, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.dead: Mapping[str, int] = {}
        self._engine, self._table, self._study, self._lease, self._clock = engine, table, study, lease, clock
        self._watch = Watch(2.5 * BEAT_SECONDS, GRACE_BEATS * BEAT_SECONDS)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; where it waits for a database that is away, it is left behind, and ends with the process."""
        self._stopped.set()
        self._thread.join(BEAT_SECONDS)

    def beat(self) -> None:
        """Count on, and look at the others.

        Raises:
            SQLAlchemyError: where the database does not answer.
        """
        self._lease = replace(self._lease, beat=self._lease.beat + 1)
        columns = self._table.c
        with self._engine.begin() as connection:
            leases = leases_in(connection, self._table, self._study)
            connection.execute(
                update(self._table)
                .where(columns.study_id == self._study, columns.key == self._lease.key)
                .values(value_json=self._lease.to_json())
            )
        others = {session: lease.beat for session, lease in leases.items() if session != self._lease.session}
        self.dead = self._watch.look(self._clock(), others)

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                self.beat()
            except SQLAlchemyError:  # whoever needs an answer says so; nobody is taken for dead meanwhile
                self.dead = {}
