"""Single-use tickets in memory: for one process, and for tests."""

from __future__ import annotations

import threading

from shared.clock import Clock


class MemoryTickets:
    """The tickets of a single process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets: dict[str, tuple[float, bytes]] = {}

    async def put(self, digest: str, content: bytes, *, seconds: float) -> None:
        """Keep a ticket's sealed content for so long."""
        now = self._clock.monotonic()
        with self._lock:
            self._tickets = {one: kept for one, kept in self._tickets.items() if kept[0] > now}
            self._tickets[digest] = (now + seconds, content)

    async def take(self, digest: str) -> bytes | None:
        """Give the content and forget it; None when it isn't there, has expired or was taken."""
        with self._lock:
            expires, content = self._tickets.pop(digest, (0.0, b""))
        return content if expires > self._clock.monotonic() else None
