"""One SQL database behind one URL: the engine, its dialect differences, and transactions.

Knows SQLite and PostgreSQL, and no domain. `hub/storage.py` puts the domains' tables on top.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wingman.hub.errors import OutOfSpace

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Row ids: SQLite only counts up by itself on a column declared INTEGER."""


class DatabaseFull(OutOfSpace):
    """The disk below the database is full; the transaction was undone."""

    def __init__(self) -> None:
        super().__init__("The disk below the Hub's database is full. Nothing was changed; make room and try again.")


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A point in time kept as whole milliseconds since 1970 UTC; comes back as an aware datetime.

    Integers sort and compare alike in SQLite and PostgreSQL; the wire format has milliseconds too.
    """

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else int(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


def now() -> datetime:
    """The current time, cut to the milliseconds that the database keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def open_engine(url: str) -> sa.Engine:
    """Open the database at `url` without touching its schema; SQLite files get their folder made.

    Raises `sqlalchemy.exc.SQLAlchemyError` if the URL is malformed or its driver missing.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_size=20, max_overflow=44, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        parsed, pool_size=16, max_overflow=48, connect_args={"timeout": 30, "check_same_thread": False}
    )
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: readers would upgrade to writers and fail with "locked".
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        # FULL, not NORMAL: a commit that we acknowledged survives a power cut as well as a kill.
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "cache_size = -32768",
        "mmap_size = 268435456",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    # IMMEDIATE takes the one writer's lock at the start, so that a transaction never fails half-way for it.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: sa.Engine, *, writes: bool) -> Iterator[sa.Connection]:
    """One transaction: committed when the block ends, rolled back when it raises. Raises `DatabaseFull`."""
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(writes=writes)
            with connection.begin():
                yield connection
    except sa.exc.DBAPIError as error:
        if _is_full(error.orig):
            raise DatabaseFull from error
        raise


def _is_full(error: BaseException | None) -> bool:
    """SQLite: SQLITE_FULL, or SQLITE_IOERR_WRITE where the disk refuses; PostgreSQL: 53100, disk_full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE) or getattr(error, "sqlstate", "") == "53100"


def insert_ignoring_known(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows and pass over those whose key is there already (content-addressed tables)."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
