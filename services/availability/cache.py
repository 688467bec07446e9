"""The cache of look-ups: final bytes, sealed, seconds long, each under a key that only its own patient has.

Every answer is kept under the generation of its facility, and a purge begins a new one, so that it forgets everything
at once. The cache also says which of several processes makes a call that all of them want. A cache that fails makes
things slower and never wrong. Source: architecture, "Cache"; the reliability rules 4.1.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from shared.clock import Clock


@dataclass(frozen=True)
class Place:
    """Where an answer is kept: its key, its facility, and for how many seconds it is fresh and then stale."""

    key: str
    facility: str
    fresh: float
    stale: float = 0.0


@dataclass(frozen=True)
class Found:
    """What stands at a place: the answer, whether it is fresh, and the generation of its facility.

    A generation of None means that the cache doesn't answer: nothing is known, and nothing can be kept.
    """

    value: bytes | None = None
    fresh: bool = False
    generation: int | None = None
    leads: bool = False
    """Whether it is now for whoever looked to make the call: they took the lead, and nobody else has it."""


NOTHING = Found()


class Cache(Protocol):
    """Answers by place, for a while. An implementation never raises: what it can't do it leaves."""

    async def look(self, place: Place) -> Found:
        """What stands there, of the facility's current generation alone."""

    async def lead(self, place: Place, owner: str, *, seconds: float) -> Found:
        """What stands there; unless that is fresh, take the lead for so many seconds if nobody else has it.

        A lead is one of its generation: whoever asks after a purge waits for nobody who asked before it.
        """

    async def go_on_leading(self, place: Place, generation: int, owner: str, *, seconds: float) -> None:
        """Keep the lead for so many seconds from now, if it is still the owner's."""

    async def keep(self, place: Place, generation: int, owner: str | None, value: bytes) -> None:
        """Keep an answer that was asked for in this generation, and give the lead up; after a purge nobody finds it."""

    async def leave(self, place: Place, generation: int, owner: str) -> None:
        """Give the lead up, if it is still the owner's."""

    async def purge(self, facility: str) -> None:
        """Forget every answer of a facility."""


@dataclass(frozen=True)
class _Kept:
    value: bytes
    generation: int
    fresh_until: float
    ends: float


class MemoryCache:
    """The cache of one process; usable from every thread."""

    def __init__(self, clock: Clock, *, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._generations: dict[str, int] = {}
        self._leads: dict[tuple[str, int], tuple[str, float]] = {}

    async def look(self, place: Place) -> Found:
        """What stands there and hasn't come to its end."""
        with self._lock:
            return self._found(place)

    async def lead(self, place: Place, owner: str, *, seconds: float) -> Found:
        """What stands there; unless that is fresh, the lead if nobody else has it."""
        with self._lock:
            found = self._found(place)
            if found.fresh or found.generation is None:
                return found
            now, name = self._clock.monotonic(), (place.key, found.generation)
            holder, until = self._leads.get(name, (owner, 0.0))
            if holder != owner and until > now:
                return found
            self._leads[name] = (owner, now + seconds)
            return Found(found.value, False, found.generation, leads=True)

    async def go_on_leading(self, place: Place, generation: int, owner: str, *, seconds: float) -> None:
        """Keep the lead if it is still the owner's."""
        with self._lock:
            if self._holder(place, generation) == owner:
                self._leads[place.key, generation] = (owner, self._clock.monotonic() + seconds)

    async def keep(self, place: Place, generation: int, owner: str | None, value: bytes) -> None:
        """Keep an answer and give the lead up; the oldest makes room."""
        with self._lock:
            fresh_until = self._clock.monotonic() + place.fresh
            self._kept[place.key] = _Kept(value, generation, fresh_until, fresh_until + place.stale)
            self._kept.move_to_end(place.key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            self._left(place, generation, owner)

    async def leave(self, place: Place, generation: int, owner: str) -> None:
        """Give the lead up if it is still the owner's."""
        with self._lock:
            self._left(place, generation, owner)

    async def purge(self, facility: str) -> None:
        """Forget every answer of a facility."""
        with self._lock:
            self._generations[facility] = self._generations.get(facility, 0) + 1

    def _holder(self, place: Place, generation: int) -> str | None:
        holder, _ = self._leads.get((place.key, generation), (None, 0.0))
        return holder

    def _left(self, place: Place, generation: int, owner: str | None) -> None:
        if owner is not None and self._holder(place, generation) == owner:
            del self._leads[place.key, generation]

    def _found(self, place: Place) -> Found:
        generation = self._generations.get(place.facility, 0)
        kept, now = self._kept.get(place.key), self._clock.monotonic()
        if kept is None or kept.generation != generation or kept.ends <= now:
            return Found(generation=generation)
        return Found(kept.value, kept.fresh_until > now, generation)
