"""The port to single-use tickets: a short-lived secret that stands for a subject until it is taken, once."""

from __future__ import annotations

from typing import Protocol


class Tickets(Protocol):
    """Tickets by the hash of their secret; taken at most once, by any gateway.

    Both methods raise LogUnavailable when the tickets can't be reached.
    """

    async def put(self, digest: str, content: bytes, *, seconds: float) -> None:
        """Keep a ticket's sealed content for so long."""

    async def take(self, digest: str) -> bytes | None:
        """Give the content and forget it; None when it isn't there, has expired or was taken."""
