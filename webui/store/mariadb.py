"""What MariaDB and MySQL do otherwise than SQLite and PostgreSQL, in one place.

Invariant: the site's rules are the same on every database. Texts are utf8mb4, compared by their code points; a value
that does not fit is an error and is never cut; short bytes are VARBINARY, so that they can be keys; long bytes and
texts have the LONG types, because BLOB and TEXT end at 64 KiB.

Source: MariaDB manual, "SQL_MODE", "InnoDB Lock Modes", "MariaDB Error Codes"; MySQL 8 manual, 15.7.3; PyMySQL, err.py.
Not here: the triggers against overlaps (webui/migrations/versions/0001_the_first_tables.py).
"""

from __future__ import annotations

from sqlalchemy import URL, Connection, Dialect, Engine, LargeBinary, Text, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.schema import Column, Index, SchemaItem

from fl.protocol.errors import SettingInvalid
from webui.errors import DatabaseUnavailable

NAMES = frozenset({"mysql", "mariadb"})
"""SQLAlchemy's names of the two dialects; either works with either server."""
CHARSET = "utf8mb4"
LOCK_WAIT_S = 5
UPGRADE_WAIT_S = 60
DEADLOCK, LOCK_TIMEOUT, CHANGED_SINCE_READ = 1213, 1205, 1020
CONFLICTS = frozenset({DEADLOCK, LOCK_TIMEOUT, CHANGED_SINCE_READ})
CHECK_FAILED = frozenset({4025, 3819})
"""MariaDB's number, which the triggers use too, and MySQL's. PyMySQL calls both an operational error."""
IN_FORCE = "booked"
"""A column that only this database needs: 1 for an active booking, else NULL, because it has no partial indexes."""
PARTIAL = frozenset(
    {"uq_appointment_doctor_start", "uq_appointment_patient_start", "uq_appointment_doctor_patient_day"}
)
LONGEST_SHORT = 255
"""Bytes; up to here binary values may be keys."""


def is_mariadb(dialect: Dialect) -> bool:
    return dialect.name in NAMES


def with_charset(url: URL) -> URL:
    """Return `url` with utf8mb4.

    Raises:
        SettingInvalid: it asks for another character set, in which some names cannot be written.
    """
    if url.query.get("charset", CHARSET) != CHARSET:
        raise SettingInvalid("database_url", f"MariaDB and MySQL need charset={CHARSET}")
    return url.update_query_dict({"charset": CHARSET})


def prepare(engine: Engine) -> None:
    """Make every connection strict, and give a failed CHECK the same class as on other databases."""
    event.listen(engine, "connect", _make_strict)
    event.listen(engine, "handle_error", _name_failed_check)


def prepare_tables(connection: Connection) -> None:
    """Wait for another process that upgrades, and set the collation that new tables inherit.

    The statement that sets the collation commits; MariaDB commits at every change of a table anyway.

    Raises:
        DatabaseUnavailable: another process has been upgrading for a minute.
    """
    name = connection.engine.url.database
    lock = {"lock": f"hemaledger {name}"[:64], "wait": UPGRADE_WAIT_S}
    if connection.exec_driver_sql("SELECT GET_LOCK(%(lock)s, %(wait)s)", lock).scalar() != 1:
        raise DatabaseUnavailable("another process is upgrading it")
    connection.exec_driver_sql(f"ALTER DATABASE CHARACTER SET {CHARSET} COLLATE {_collation(connection.dialect)}")


def is_conflict(original: BaseException | None) -> bool:
    """Return whether a database error says that another transaction was in the way; a second try may succeed."""
    return _number(original) in CONFLICTS


def is_compared(item: SchemaItem, name: str | None, _kind: str, _reflected: bool, _other: SchemaItem | None) -> bool:
    """Return whether Alembic should compare this with the models; what only MariaDB has, it should not."""
    if isinstance(item, Index):
        return name not in PARTIAL
    return not (isinstance(item, Column) and name == IN_FORCE and item.table.name == "appointment")


def _collation(dialect: Dialect) -> str:
    """Return the collation that compares code points and does not ignore spaces at the end."""
    return "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"


def _make_strict(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("SET SESSION sql_mode = 'TRADITIONAL'")
    cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_S}")
    cursor.close()


def _name_failed_check(context: ExceptionContext) -> None:
    if _number(context.original_exception) in CHECK_FAILED:
        raise IntegrityError(context.statement, None, context.original_exception) from context.original_exception


def _number(original: BaseException | None) -> object:
    return original.args[0] if original is not None and original.args else None


@compiles(LargeBinary, "mysql", "mariadb")
def _binary(kind: LargeBinary, _compiler: object, **_options: object) -> str:
    short = kind.length is not None and kind.length <= LONGEST_SHORT
    return f"VARBINARY({kind.length})" if short else "LONGBLOB"


@compiles(Text, "mysql", "mariadb")
def _text(_kind: Text, _compiler: object, **_options: object) -> str:
    return "LONGTEXT"
