"""The door to the database: engine, transactions, migrations.

Invariant: every write is one transaction that is serialised against all other writes (SQLite: BEGIN IMMEDIATE;
PostgreSQL: SERIALIZABLE), so what a write read before it wrote still holds when it commits.

Source: SQLAlchemy 2 documentation, "SQLite / Serializable isolation"; sqlite.org/wal.html; PostgreSQL manual 13.2.3.
Not here: queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from fl.protocol.errors import SettingInvalid
from webui.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_TIMEOUT_MS = 5000
KEPT_CONNECTIONS = 20
"""More than the server has threads: a connection that is opened for one request costs more than the request."""
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
NEWEST = "0001"
"""The last revision in `MIGRATIONS`. A database at this revision needs no Alembic, which takes long to import."""
SERIALISATION_FAILURE = "40001"
WRITE_TRIES = 4

Result = TypeVar("Result")


class _WriteConflict(DatabaseUnavailable):
    """Two writes contradicted each other and this one lost; trying again may work."""


class Database:
    """One database, by its SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        """Make the engine; nothing is connected yet.

        Raises:
            SettingInvalid: the URL cannot be parsed, names an unknown dialect, or keeps SQLite in memory.
        """
        self.engine = _engine(url)
        self._turn = Lock()
        """Writers of this process wait in a row, which is fairer and faster than the database's own waiting."""
        self._owed = True  # what an earlier process left in the log, too
        self._writer = self.engine.execution_options(**_serialised(self.engine))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session whose changes are thrown away.

        Raises:
            DatabaseUnavailable: no answer.
        """
        with _translated(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    def write(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in one transaction and return what it returned; it may run again when another write came first.

        Raises:
            IntegrityError: a constraint forbids it; the caller knows what that means.
            DatabaseUnavailable: no answer.
        """
        for _ in range(WRITE_TRIES - 1):
            with suppress(_WriteConflict):
                return self._write_once(work)
        return self._write_once(work)

    def note(self, work: Callable[[Session], Result]) -> Result:
        """Run `work`, which touches one row by its key, as `write` does; on PostgreSQL it waits for no other write.

        Raises:
            IntegrityError: somebody else has just made that row.
            DatabaseUnavailable: no answer.
        """
        if self.engine.dialect.name == "sqlite":
            return self.write(work)
        with _translated(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            return work(session)

    def _write_once(self, work: Callable[[Session], Result]) -> Result:
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise DatabaseUnavailable("busy")
        try:
            with _translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
                return work(session)
        finally:
            self._turn.release()

    def forget_owed(self) -> None:
        """Empty the log if an earlier `forget` could not."""
        if self._owed:
            self.forget()

    def forget(self) -> bool:
        """Empty SQLite's write-ahead log, which still holds pages as they were.

        Return whether it is empty; a reader at the same moment keeps it, and `forget_owed` tries again.
        On PostgreSQL old row versions go when the server vacuums.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        self._owed = True
        with _translated(), self.engine.execution_options(bare=True).connect() as connection:
            self._owed = bool(connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0])
        return not self._owed

    def close(self) -> None:
        self.engine.dispose()


def upgrade_database(url: str) -> None:
    """Bring the database at `url` to the newest revision; create it when it is empty.

    Raises:
        SettingInvalid: another version of the program made it.
        DatabaseUnavailable: no answer.
    """
    engine = _engine(url)
    try:
        with _translated(), engine.execution_options(**_serialised(engine)).begin() as connection:
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

    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise SettingInvalid("database_url", "another version of the program made this database") from error


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's settings for an open connection; no ini file is needed."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == SERIALISATION_FAILURE:
            raise _WriteConflict("two changes at the same moment") from error
        raise DatabaseUnavailable(type(error.orig).__name__) from error


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
            raise SettingInvalid("database_url", "SQLite needs a file; a database in memory is lost at once")
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=KEPT_CONNECTIONS)
    except (ArgumentError, ImportError) as error:
        raise SettingInvalid("database_url", f"it cannot be used ({type(error).__name__})") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _serialised(engine: Engine) -> dict[str, object]:
    return {"immediate": True} if engine.dialect.name == "sqlite" else {"isolation_level": "SERIALIZABLE"}


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves (_begin_sqlite)
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only forgotten
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("bare", False):  # a checkpoint allows no transaction around it
        return
    immediate = options.get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
