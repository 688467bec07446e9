"""`omboka deploy`: bring the database and the broker to what this version needs; safe to run again and at once."""

from __future__ import annotations

import sys

from amqp.exceptions import AccessRefused

from shared.ledger.migrate import is_current, migrate
from shared.ledger.port import LedgerUnavailable
from shared.messaging.topology import declare_topology, missing_queues
from shared.settings import Settings


def run(settings: Settings, *, check: bool) -> int:
    """Migrate and declare, or with `check` only say what is to be done; gives the exit code."""
    settings.require("database_url", "broker_url")
    database_url, broker_url = str(settings.database_url), str(settings.broker_url)
    try:
        if check:
            return _check(database_url, broker_url)
        migrate(database_url)
        print("omboka: the ledger's database is up to date")
        for name in declare_topology(broker_url):
            print(f"omboka: queue {name} is declared")
    except LedgerUnavailable as error:
        print(f"omboka: {error}: is OMBOKA_DATABASE_URL right, and the database up?", file=sys.stderr)
        return 1
    except AccessRefused:
        print("omboka: the broker refuses: has the user of OMBOKA_BROKER_URL the right to declare?", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"omboka: the broker can't be reached ({type(error).__name__}): is OMBOKA_BROKER_URL right, and it up?",
            file=sys.stderr,
        )
        return 1
    return 0


def _check(database_url: str, broker_url: str) -> int:
    todo = [] if is_current(database_url) else ["migrate the ledger's database"]
    todo += [f"declare the queue {name}" for name in missing_queues(broker_url)]
    for one in todo:
        print(f"omboka: to do: {one}")
    if not todo:
        print("omboka: nothing to do")
    return 1 if todo else 0
