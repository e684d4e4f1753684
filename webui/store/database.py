"""Access to the database: engine, transactions, migrations.

Invariant: every write is one transaction that is serialised against all other writes (SQLite: BEGIN IMMEDIATE;
PostgreSQL, MariaDB and MySQL: SERIALIZABLE). So everything that a write has read is still true when it commits.

Source: SQLAlchemy 2 documentation, "SQLite / Serializable isolation"; sqlite.org/wal.html; PostgreSQL manual 13.2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import uniform
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from fl.protocol.errors import SettingInvalid
from webui.errors import DatabaseUnavailable
from webui.store import mariadb
from webui.store.kept import KeepingSession
from webui.store.upgrade_lock import alone

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_TIMEOUT_MS = 5000
KEPT_CONNECTIONS = 20
"""More than the server has threads: opening a connection takes longer than a request."""
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
NEWEST = "0011"
"""The last revision in `MIGRATIONS`. A database at this revision needs no Alembic, which takes long to import."""
LOST = frozenset({"40001", "40P01"})
"""PostgreSQL: the transaction could not be serialised, or was the victim of a deadlock."""
PATIENCE_S = 20.0
"""After a conflict, no try begins later than this after the first one."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 0.5
"""A pause is drawn between 0 and a limit: the first one before the second try, then doubled up to the second one."""

Result = TypeVar("Result")


class _WriteConflict(DatabaseUnavailable):
    """Two writes conflicted and this one lost; a second try may succeed."""


class Database:
    """One database, by its SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        """Make the engine, without connecting.

        Raises:
            SettingInvalid: the URL cannot be parsed, names an unknown dialect, or asks for SQLite in memory.
        """
        self.engine = _engine(url)
        self._turn = Lock()
        """Writers of this process queue here, which is fairer and faster than the database's own waiting."""
        self._log_to_empty = True  # an earlier process may have left something in it
        self._writer = self.engine.execution_options(**_serialised(self.engine))
        self._noter = self.engine.execution_options(**_unserialised(self.engine))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session whose changes are discarded.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        with _translated(), KeepingSession(self.engine, expire_on_commit=False) as session:
            yield session

    def write(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in one transaction and return its result; after a conflict it runs again.

        Raises:
            IntegrityError: a constraint forbids it; the caller knows what that means.
            DatabaseUnavailable: the database does not answer.
        """
        return _again(lambda: self._write_once(work))

    def note(self, work: Callable[[Session], Result]) -> Result:
        """Run `work`, which changes one row by its key; like `write`, but only SQLite makes it wait for others.

        Raises:
            IntegrityError: somebody else has just made this row.
            DatabaseUnavailable: the database does not answer.
        """
        if self.engine.dialect.name == "sqlite":
            return self.write(work)
        return _again(lambda: self._note_once(work))

    def _note_once(self, work: Callable[[Session], Result]) -> Result:
        with _translated(), KeepingSession(self._noter, expire_on_commit=False) as session, session.begin():
            return work(session)

    def _write_once(self, work: Callable[[Session], Result]) -> Result:
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise DatabaseUnavailable("it is busy")
        try:
            with _translated(), KeepingSession(self._writer, expire_on_commit=False) as session, session.begin():
                return work(session)
        finally:
            self._turn.release()

    def retry_empty_log(self) -> None:
        """Empty the log if an earlier `empty_log` could not."""
        if self._log_to_empty:
            self.empty_log()

    def empty_log(self) -> bool:
        """Empty SQLite's write-ahead log, which still has old versions of pages, and return whether it is empty.

        A concurrent reader prevents it; then `retry_empty_log` tries again. Other databases remove old
        row versions themselves.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        self._log_to_empty = True
        with _translated(), self.engine.execution_options(bare=True).connect() as connection:
            self._log_to_empty = bool(connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0])
        return not self._log_to_empty

    def close(self) -> None:
        self.engine.dispose()


def upgrade_database(url: str) -> None:
    """Upgrade the database at `url` to the newest revision; create it if it is empty.

    Raises:
        SettingInvalid: another version of the program made it.
        DatabaseUnavailable: it does not answer.
    """
    engine = _engine(url)
    try:
        with _translated(), alone(engine), engine.execution_options(**_serialised(engine)).begin() as connection:
            if not _is_newest(connection):
                _migrate(connection)
    finally:
        engine.dispose()


def _is_newest(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return list(connection.scalars(text("SELECT version_num FROM alembic_version"))) == [NEWEST]


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    if mariadb.is_mariadb(connection.dialect):
        mariadb.prepare_tables(connection)
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise SettingInvalid("database_url", "another version of the program made this database") from error


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's settings for an open connection, without an ini file."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _again(once: Callable[[], Result]) -> Result:
    """Return the result of `once`; after a conflict it runs again, after a random pause that grows from try to try.

    Without pauses, two processes that conflict once would meet again at every try. The pauses are drawn, so that they
    do not pause alike ("full jitter").

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.

    Raises:
        DatabaseUnavailable: `once` still meets a conflict after `PATIENCE_S`.
    """
    ends, limit = monotonic() + PATIENCE_S, FIRST_PAUSE_S
    while True:
        try:
            return once()
        except _WriteConflict:
            pause = uniform(0, limit)  # noqa: S311 - nobody gains by guessing it
            if monotonic() + pause > ends:
                raise
        sleep(pause)
        limit = min(2 * limit, LONGEST_PAUSE_S)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlstate", None) in LOST or mariadb.is_conflict(error.orig):
            raise _WriteConflict("two changes at the same moment") from error
        raise DatabaseUnavailable("no answer, or no connection") from error


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
            raise SettingInvalid("database_url", "SQLite needs a file: a database in memory would lose everything")
        if parsed.get_backend_name() in mariadb.NAMES:
            parsed = mariadb.with_charset(parsed)
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=KEPT_CONNECTIONS)
    except (ArgumentError, ImportError) as error:
        raise SettingInvalid(
            "database_url", "it is no address of a database, or its driver is not installed"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif mariadb.is_mariadb(engine.dialect):
        mariadb.prepare(engine)
    return engine


def _serialised(engine: Engine) -> dict[str, object]:
    return {"immediate": True} if engine.dialect.name == "sqlite" else {"isolation_level": "SERIALIZABLE"}


def _unserialised(engine: Engine) -> dict[str, object]:
    """Return options for changes of one row by its key. MariaDB would lock the gap where a new key belongs."""
    return {"isolation_level": "READ COMMITTED"} if mariadb.is_mariadb(engine.dialect) else {}


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # _begin_sqlite sends BEGIN
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # overwrite deleted rows
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("bare", False):  # a checkpoint cannot run in a transaction
        return
    immediate = options.get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
