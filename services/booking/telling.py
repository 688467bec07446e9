"""Telling the patient: a ledger's event becomes an entry of the rebooking's event log, once.

The key is the row's and the event's number, so telling it again writes nothing. Source: the saga's rules, "told
truthfully".
"""

from __future__ import annotations

import logging

from shared.contracts import events
from shared.contracts.sections import OPEN_OUTCOMES
from shared.ledger.port import LedgerEvent
from shared.messaging.event_log import IDLE_SECONDS, OPEN_OUTCOME_SECONDS, EventLog, LogUnavailable, NewEntry

log = logging.getLogger(__name__)


def entry_of(event: LedgerEvent) -> NewEntry:
    """The log's entry of a ledger's event."""
    outcome = event.outcome
    public = events.encode(
        events.of_outcome(outcome.state),
        command_id=outcome.command_id,
        at=outcome.updated_at,
        final=outcome.state not in OPEN_OUTCOMES,
        data={"outcome": outcome.public()},
    )
    return NewEntry(key=f"ledger:{event.row_id}:{event.n}", public=public)


class Teller:
    """Appends ledger events to the event log."""

    def __init__(self, events: EventLog) -> None:
        self._events = events

    async def tell(self, event: LedgerEvent) -> bool:
        """Append an event; True when it stands in the log, or nobody has that log any more."""
        ttl = OPEN_OUTCOME_SECONDS if event.outcome.state in OPEN_OUTCOMES else IDLE_SECONDS
        try:
            await self._events.append(event.rebooking_id, [entry_of(event)], ttl=ttl)
        except LogUnavailable:
            log.warning("event %d of row %s will be told when the event log is back", event.n, event.row_id)
            return False
        return True
