"""A controller's part in a study that others search in, too: from joining it to leaving it."""

from __future__ import annotations

import hashlib
import socket
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection
from sqlalchemy.exc import SQLAlchemyError

from ....evaluators.results.metric import Metric
from .database import persistently, storage_at
from .leases import Lease
from .shared_table import SharedTable
from .told import directions_of

T = TypeVar("T")


class Membership:
    """Joined when it is made: the study is there, it is about the same, and this controller's heart beats.

    Attributes:
        agreed: what the first controller of the study was about.
        label: of this controller, for people: machine and run.

    Args:
        url: of the database.
        name: of the study there, which is made where there is none.
        folder: of this controller's run.
        objectives: the metrics, in the order of the study's values.
        identity: what this controller is about.
        check: called with what the first controller was about; raises where this one is about something else.
        say: told what the user should know while the database is away.

    Raises:
        ConfigError: where the database cannot be used, or the study there is of another program.
    """

    def __init__(
        self,
        url: str,
        name: str,
        folder: Path,
        objectives: Sequence[Metric],
        identity: Mapping[str, Any],
        check: Callable[[Mapping[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url, self._say = url, say
        self.name, self.folder = name, folder
        self.label = f"{socket.gethostname()}/{folder.name}"
        self._storage = storage_at(url)
        lease = Lease(uuid.uuid4().hex, self.label, _place(folder))
        try:
            study = self.persistently(lambda: self._found(directions_of(objectives)))
            self.table = self.persistently(lambda: SharedTable(self._storage, study, lease))
            check(self.persistently(lambda: self.table.identify(identity)))
            self.persistently(lambda: self._name_metrics(objectives))
            self.persistently(self.table.join)
        except BaseException:
            self._dispose()
            raise
        self._heartbeat = self.table.heartbeat()
        self._heartbeat.start()

    @property
    def dead(self) -> dict[str, int]:
        """Controllers that are taken for dead, with what they had counted to."""
        return dict(self._heartbeat.dead)

    def agree(self, key: str, value: dict[str, Any]) -> dict[str, Any]:
        """What the first controller to ask has said under that key."""
        return self.persistently(lambda: self.table.agree(key, value))

    def persistently(self, work: Callable[[], T]) -> T:
        """As :func:`.database.persistently`."""
        return persistently(work, self._url, self._say)

    def close(self) -> None:
        """Give up what is under way, and leave; where the database is away, the others will find out."""
        self._heartbeat.stop()
        with suppress(SQLAlchemyError):
            self.table.leave()
        self._dispose()

    def _found(self, directions: Sequence[StudyDirection]) -> int:
        optuna.create_study(storage=self._storage, study_name=self.name, directions=directions, load_if_exists=True)
        return self._storage.get_study_id_from_name(self.name)

    def _name_metrics(self, objectives: Sequence[Metric]) -> None:
        study = optuna.load_study(study_name=self.name, storage=self._storage)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([metric.name for metric in objectives])

    def _dispose(self) -> None:
        self._storage.remove_session()
        self._storage.engine.dispose()


def _place(folder: Path) -> str:
    """A digest of the folder and its machine: of two processes there one after the other the first has ended.

    A copy of the folder is another place, so that none takes the run that it was copied from for dead.
    """
    where = f"{socket.gethostname()}\n{folder.resolve()}\n{folder.stat().st_ino}"
    return hashlib.sha256(where.encode()).hexdigest()[:32]
