"""`omboka ledger`: an operator's look at rebookings, and the way to resolve what can't be proven.

Nothing personal is shown but, of one row, its booking's id: a facility that is phoned must know which is meant.
"""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import json
import sys
from typing import Any

from shared.audit.audit_log import STANDARD_OUTPUT, AuditLog, StandardError, sink_of
from shared.audit.chain import Access
from shared.clock import SystemClock
from shared.contracts.civil_time import CivilTime
from shared.contracts.sections import Outcome, OutcomeState
from shared.ledger.ledger import Ledger
from shared.ledger.port import LedgerUnavailable, Sealed
from shared.ledger.transitions import ForbiddenMove, RowState
from shared.presentation.yellow_box import yellow_box
from shared.sealing import Sealer
from shared.settings import Settings

SEALED_FOR = 30 * 24 * 3600.0
"""Seconds after its end for which a rebooking's personal part is kept."""

ROWS_FOR = 365 * 24 * 3600.0
"""Seconds after its end for which a rebooking's row is kept."""


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do one action on the ledger; gives the exit code."""
    settings.require("database_url", "data_keys", "hmac_key")
    sealer = Sealer(settings.data_keys, str(settings.hmac_key))
    ledger = Ledger(str(settings.database_url), sealer)
    # What is printed is the operator's: without a folder, entries go where the logs go.
    sink = StandardError() if settings.audit in (None, STANDARD_OUTPUT) else sink_of(settings.audit)
    audit = AuditLog(sink, sealer.digest, SystemClock(), role="ledger")
    try:
        # Noted before it is done as well: what can't be noted isn't done.
        audit.note(_access(arguments, "asked"))
        code = _do(ledger, arguments)
        audit.note(_access(arguments, "done" if code == 0 else "refused"))
        return code
    except LedgerUnavailable as error:
        print(f"omboka: {error}", file=sys.stderr)
        return 1
    finally:
        ledger.close()
        audit.close()


def _access(arguments: argparse.Namespace, outcome: str) -> Access:
    """An operator's access; whose rebooking it is, the ledger knows."""
    return Access(
        at=dt.datetime.now(dt.UTC),
        actor=getpass.getuser(),
        actor_type="operator",
        subject=None,
        act=" ".join(("ledger", arguments.action, *filter(None, [getattr(arguments, "state", None)]))),
        outcome=outcome,
        of=getattr(arguments, "id", None),
    )


def _do(ledger: Ledger, arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "list":
            _table(ledger.listing(limit=arguments.limit))
        case "unresolved":
            _table(ledger.listing(limit=1000, unresolved=True))
        case "show":
            return _show(ledger, arguments.id)
        case "resolve":
            return _resolve(ledger, arguments)
        case "purge":
            sealed, rows = ledger.purge(sealed_after=SEALED_FOR, rows_after=ROWS_FOR)
            print(f"erased the personal part of {sealed} rebookings and {rows} rows")
    return 0


def _show(ledger: Ledger, some_id: str) -> int:
    row = ledger.show(some_id)
    if row is None:
        print(f"omboka: there is no rebooking {some_id}", file=sys.stderr)
        return 1
    print(json.dumps(row, indent=2, ensure_ascii=False, default=str))
    return 0


def _resolve(ledger: Ledger, arguments: argparse.Namespace) -> int:
    state = RowState(arguments.state)
    try:
        outcome = _outcome(state, ledger.sealed(arguments.id), arguments.at)
    except ValueError as error:
        print(f"omboka: {error}", file=sys.stderr)
        return 2
    try:
        ledger.resolve(arguments.id, state, outcome=outcome, reason=arguments.reason, by=getpass.getuser())
    except LookupError:
        print(f"omboka: there is no row {arguments.id}; `omboka ledger unresolved` lists them", file=sys.stderr)
        return 1
    except ForbiddenMove as error:
        print(f"omboka: {error}: only a row in manual is resolved by hand", file=sys.stderr)
        return 1
    print(f"row {arguments.id} is now {state.value}; the patient is told within seconds")
    return 0


def _outcome(state: RowState, sealed: Sealed | None, at: str | None) -> Outcome:
    """What the patient is told; the update's time and the command id are the ledger's to fill in. Raises ValueError."""
    if (state is RowState.OTHER_TIME) != (at is not None):
        raise ValueError("--at says which time really holds: it is needed with --as other_time, and with nothing else")
    summary = None
    if sealed is not None and state is RowState.CONFIRMED:
        summary = sealed.summary
    elif sealed is not None and at is not None:
        start = CivilTime(dt.datetime.strptime(at, "%Y-%m-%dT%H:%M").strftime("%Y%m%d%H%M%S"))
        actual = sealed.old.model_copy(update={"start": start, "end": None})
        summary = yellow_box(actual, facility=None, language=sealed.language)
    told = OutcomeState(state.value)
    return Outcome(state=told, command_id="", updated_at=dt.datetime.now(dt.UTC), summary=summary)


def _table(rows: list[dict[str, Any]]) -> None:
    print(f"{'row':32}  {'state':12}  {'created':19}  {'facility':20}  attempts")
    for row in rows:
        created = str(row["created_at"])[:19]
        print(f"{row['id']:32}  {row['state']:12}  {created:19}  {row['facility_to']:20}  {row['attempt']}")
    if not rows:
        print("(none)")
