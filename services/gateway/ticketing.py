"""Tickets: what a browser shows a WebSocket instead of a token, good for one rebooking, once, for thirty seconds.

Source: the interface, `POST /v1/rebookings/{id}/ticket`; the reliability rules 4.1, "WS hijack / CSRF".
"""

from __future__ import annotations

import secrets

from services.gateway.identity import Caller
from shared.contracts.model import Frozen, Identity
from shared.messaging.tickets import Tickets
from shared.sealing import SealBroken, Sealer

TICKET_SECONDS = 30.0


class _Ticket(Frozen):
    rebooking_id: str
    identity: Identity
    expires_at: float
    acting: bool


class Ticketing:
    """Gives tickets out and takes them back; only the hash of one is kept."""

    def __init__(self, tickets: Tickets, sealer: Sealer) -> None:
        self._tickets = tickets
        self._sealer = sealer

    async def give(self, caller: Caller, rebooking_id: str) -> str:
        """A new ticket for this caller and rebooking: 128 random bits, URL-safe."""
        secret = secrets.token_urlsafe(16)
        ticket = _Ticket(
            rebooking_id=rebooking_id,
            identity=caller.identity,
            expires_at=caller.expires_at,
            acting=caller.acting,
        )
        await self._tickets.put(self._digest(secret), self._sealer.seal_model(ticket), seconds=TICKET_SECONDS)
        return secret

    async def take(self, secret: str, rebooking_id: str) -> Caller | None:
        """Whom the ticket stands for; None when it isn't one for this rebooking, was used, or is too old."""
        content = await self._tickets.take(self._digest(secret))
        if content is None:
            return None
        try:
            ticket = self._sealer.open_model(_Ticket, content)
        except SealBroken:
            return None
        if ticket.rebooking_id != rebooking_id:
            return None
        return Caller(
            identity=ticket.identity,
            owner=self._sealer.owner(ticket.identity.subject),
            expires_at=ticket.expires_at,
            acting=ticket.acting,
        )

    def _digest(self, secret: str) -> str:
        return self._sealer.digest("ticket", secret)
