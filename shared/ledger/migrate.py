"""Bringing a ledger's database up to date; safe to run again and at once from several places."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from shared.ledger.engine import make_engine, transaction

LOCK = 0x6F6D626F6B61
"""Whoever migrates holds this PostgreSQL lock, so that two deployments at once do it one after the other."""


def migrate(url: str) -> None:
    """Run every migration that the database lacks. Raises LedgerUnavailable."""
    engine = make_engine(url)
    try:
        with transaction(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL lock_timeout = '60s'"))
                connection.execute(text("SET LOCAL statement_timeout = '120s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether the database has every migration. Raises LedgerUnavailable."""
    engine = make_engine(url)
    try:
        with transaction(engine) as connection:
            has = MigrationContext.configure(connection).get_current_revision()
        return has == ScriptDirectory.from_config(_config()).get_current_head()
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
