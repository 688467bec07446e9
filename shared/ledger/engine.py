"""The database's engine: SQLite made safe for money, or PostgreSQL with short patience.

SQLite: write-ahead log, full synchronisation, and every write transaction begun as one (a deferred one that turns into
a write fails under concurrency). Source: architecture, "A rebooking is a ledger row first".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from shared.ledger.port import LedgerUnavailable

PATIENCE_SECONDS = 3


def make_engine(url: str) -> Engine:
    """Make the engine of a ledger's address, such as `sqlite:///omboka.db` or `postgresql+psycopg://…`.

    Raises LedgerUnavailable for what is no such address; the address, which may hold a password, isn't quoted.
    """
    try:
        return _engine(url)
    except (ArgumentError, ImportError):
        raise LedgerUnavailable("the address of the ledger's database can't be used") from None


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, poolclass=NullPool if ":memory:" not in url else None, connect_args={"timeout": 5})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    options = f"-c statement_timeout={PATIENCE_SECONDS * 1000} -c lock_timeout={PATIENCE_SECONDS * 1000}"
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=8,
        pool_timeout=PATIENCE_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": PATIENCE_SECONDS, "options": options},
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; what the database itself can't do becomes LedgerUnavailable, broken rules stay as they are."""
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise LedgerUnavailable(f"the ledger's database failed: {type(error.orig).__name__}") from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise LedgerUnavailable("the ledger's database went away") from None
        raise


def database_now(connection: Connection) -> float:
    """The database's own time, seconds since the epoch."""
    if connection.dialect.name == "sqlite":
        query = "SELECT (julianday('now') - 2440587.5) * 86400.0"
    else:
        query = "SELECT extract(epoch FROM clock_timestamp())::float8"
    return float(connection.execute(text(query)).scalar_one())


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # this module begins transactions itself
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
