"""A database that studies are kept in, by its URL: its driver, its errors in one line, another try where it is away."""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

from ....spaces.errors import ConfigError
from ....spaces.masking import MASK, masked_text
from ....spaces.messages import first_line

SERVERS = {"postgresql": ("psycopg", "postgresql"), "mysql": ("pymysql", "mysql"), "mariadb": ("pymysql", "mysql")}
"""Databases that several controllers may share: the driver where the URL names none, and our extra that installs it."""
PATIENCE_SECONDS = 300.0
"""For how long a database that was reached once may be away, restarting or cut off, before a search gives up."""
PAUSE_SECONDS = 0.2
"""Before the second try; it doubles up to :data:`LONGEST_PAUSE_SECONDS`."""
LONGEST_PAUSE_SECONDS = 5.0
_CREATED_AT_ONCE = 20
"""Tries to create what other processes are creating at the same moment; each failure means that one of them has."""

T = TypeVar("T")


def is_shared(url: str) -> bool:
    """Whether the URL is that of a database server, that several controllers may write to.

    Raises:
        ConfigError: where it is no URL.
    """
    return _parsed(url).get_backend_name() in SERVERS


def storage_at(url: str) -> RDBStorage:
    """Optuna's storage at a URL; its tables are made where they are missing, by however many processes at once.

    Raises:
        ConfigError: in one line that has no password: no URL, no driver, no such server, wrong password.
    """
    parsed = _with_driver(_parsed(url))
    shared = parsed.get_backend_name() in SERVERS
    # Optuna fills "{SCHEMA_VERSION}" in, and would trip over a brace in a password.
    text = parsed.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    options = {"isolation_level": "READ COMMITTED", "connect_args": _timeouts(parsed)} if shared else {}
    for tries_left in reversed(range(_CREATED_AT_ONCE)):
        try:
            storage = RDBStorage(text, engine_kwargs=dict(options))
        except ImportError as error:
            raise ConfigError(
                f"search.storage: {_shown(parsed)} needs a driver that cannot be imported: {error}"
            ) from None
        except (SQLAlchemyError, StorageInternalError) as error:
            if not tries_left or not _is_made_meanwhile(error):
                raise ConfigError(f"search.storage: {_shown(parsed)} cannot be opened: {words(error, url)}") from None
            time.sleep(random.uniform(0.0, 0.1))
        except RuntimeError as error:  # of another version of Optuna
            raise ConfigError(f"search.storage: {_shown(parsed)} cannot be used: {first_line(error)}") from None
        else:
            if shared:
                _bound_transactions(storage.engine, parsed.get_backend_name())
            return storage
    raise AssertionError("the last try has returned or raised")


def masked_url(url: str) -> str:
    """The URL without its password, and the secrets among its options."""
    return _shown(_parsed(url))


def persistently(work: Callable[[], T], url: str, say: Callable[[str], None]) -> T:
    """Do what is repeatable, and do it again while the database is away or two transactions are in each other's way.

    Args:
        work: a whole transaction; where the answer to its commit is lost, it is done again all the same.
        url: of the database, for messages.
        say: told once that the database is away, and once that it is back.

    Raises:
        ConfigError: where it is away for longer than :data:`PATIENCE_SECONDS`, or refuses the transaction.
    """
    began, pause, told = time.monotonic(), PAUSE_SECONDS, False
    while True:
        try:
            result = work()
        except (SQLAlchemyError, StorageInternalError) as error:
            away = time.monotonic() - began
            if not may_pass(error):
                raise ConfigError(f"search.storage: the study there cannot be written: {words(error, url)}") from error
            if away > PATIENCE_SECONDS:
                raise ConfigError(
                    f"search.storage: {masked_url(url)} has not answered for {away:.0f} s ({words(error, url)}); "
                    "the same command goes on once it does"
                ) from error
            if not told and pause > PAUSE_SECONDS:  # the first try again may do, as after a deadlock
                say(f"{masked_url(url)} does not answer ({words(error, url)}); trying again")
                told = True
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        else:
            if told:
                say(f"{masked_url(url)} answers again after {time.monotonic() - began:.0f} s")
            return result


def may_pass(error: BaseException) -> bool:
    """Whether an error is of the connection, of the server's state or of two transactions, not of what was asked."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(cause, DBAPIError) and cause.connection_invalidated:
        return True
    return isinstance(cause, OperationalError | InterfaceError)


def words(error: BaseException, url: str) -> str:
    """What a database says, in its own words without the statement, and without the password of the URL."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
    text = masked_text(first_line(getattr(cause, "orig", None) or cause))
    password = _parsed(url).password
    return text.replace(str(password), MASK) if password else text


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (SQLAlchemyError, ValueError):  # whose texts have parts of the URL, which may be of its password
        raise ConfigError(
            "search.storage: expected the URL of a database, as postgresql://user@host/database; "
            "characters such as @ and / in a password are written %40 and %2F"
        ) from None


def _with_driver(url: URL) -> URL:
    """The URL with the driver that our extra installs, where it names none.

    Raises:
        ConfigError: where that is not installed.
    """
    backend = url.drivername
    if backend not in SERVERS:
        return url
    driver, extra = SERVERS[backend]
    try:
        importlib.import_module(driver)
    except ImportError as error:
        raise ConfigError(
            f"search.storage: {backend}:// needs {driver} ({first_line(error)}): pip install 'parefront[{extra}]'"
        ) from None
    return url.set(drivername=f"{backend}+{driver}")


def _timeouts(url: URL) -> dict[str, int]:
    """What makes a driver notice within half a minute that server or network are gone; the URL's own come first."""
    known = {"postgresql+psycopg": _PSYCOPG, "mysql+pymysql": _PYMYSQL, "mariadb+pymysql": _PYMYSQL}
    return {key: value for key, value in known.get(url.drivername, {}).items() if key not in url.query}


def _bound_transactions(engine: Engine, backend: str) -> None:
    """Have the server end a transaction whose client is suspended or gone: it holds up all others."""
    statement = _BOUNDS[backend]

    def bound(connection: DBAPIConnection, record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", bound)
    engine.dispose()  # those that the storage has made so far


_PSYCOPG = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
_PYMYSQL = {"connect_timeout": 10, "read_timeout": 90, "write_timeout": 30}
_BOUNDS = {
    "postgresql": "SET idle_in_transaction_session_timeout = '60s'",
    "mysql": "SET SESSION wait_timeout = 60",
    "mariadb": "SET SESSION wait_timeout = 60",
}


def _shown(url: URL) -> str:
    return masked_text(url.render_as_string(hide_password=True))


def _is_made_meanwhile(error: BaseException) -> bool:
    """Of an error while a storage is opened: that another process has made at the same moment what was missing."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    said = getattr(cause, "orig", None)
    code = getattr(said, "sqlstate", None) or getattr(said, "args", (None,))[0]
    return isinstance(cause, IntegrityError) or code in _MADE_MEANWHILE or "already exists" in str(said)


_MADE_MEANWHILE = ("42P07", "42710", "40P01", 1050, 1213)
"""PostgreSQL: duplicate table, duplicate object, deadlock. MySQL: table exists, deadlock."""
