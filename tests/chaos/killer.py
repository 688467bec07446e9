"""The killer: kill -9 and SIGSTOP at seeded moments, counted in rebookings begun. The plan is pure."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

log = logging.getLogger(__name__)

KILLED = {"booking": 20, "gateway": 10, "availability": 5, "broker": 6, "events": 6, "cache": 3}
"""How often each kind is killed, of fifty."""
STOPPED = {"booking": 7, "gateway": 3}
"""How often each kind is stopped for a while, of ten; only a booking worker is stopped for longer than settling."""


@dataclass(frozen=True)
class Blow:
    """One thing to do to a kind of process, when so many rebookings have begun. `seconds` None = kill -9."""

    after: int
    kind: str
    seconds: float | None


def plan(
    chance: random.Random, *, rebookings: int, kills: int, stops: int, long_stops: int, settle: float
) -> list[Blow]:
    """Spread the blows over the rebookings, in an order that the seed decides."""
    blows: list[tuple[str, float | None]] = [(kind, None) for kind in _share(KILLED, kills, chance)]
    blows += [(kind, 20.0) for kind in _share(STOPPED, stops, chance)]
    blows += [("booking", settle + 5.0)] * long_stops
    chance.shuffle(blows)
    every = rebookings / max(1, len(blows))
    return [
        Blow(int((place + chance.uniform(0.1, 0.9)) * every), kind, seconds)
        for place, (kind, seconds) in enumerate(blows)
    ]


def _share(weights: Mapping[str, int], count: int, chance: random.Random) -> list[str]:
    """So many kinds by their weights: every kind its whole share, the rest by chance."""
    total = sum(weights.values())
    shared = [kind for kind, weight in weights.items() for _ in range(weight * count // total)]
    return shared + chance.choices(list(weights), list(weights.values()), k=count - len(shared))


class Victim(Protocol):
    """What can be struck."""

    name: str

    async def die(self) -> None:
        """Be killed with -9, and be started again soon after."""

    async def pause(self, seconds: float) -> None:
        """Stand still for so long."""


class Killer:
    """Strikes by a plan; one victim suffers one blow at a time, several victims may suffer at once."""

    def __init__(self, blows: list[Blow], victims: Mapping[str, list[Victim]], chance: random.Random) -> None:
        self._blows = blows
        self._victims = victims
        self._chance = chance
        self._suffering: dict[str, asyncio.Lock] = {
            victim.name: asyncio.Lock() for some in victims.values() for victim in some
        }
        self._tasks: list[asyncio.Task[None]] = []
        self.done: list[dict[str, object]] = []

    async def run(self, begun: Callable[[int], Awaitable[None]]) -> None:
        """Strike each blow when `begun` returns for its number, and return when every victim is up again."""
        for blow in self._blows:
            await begun(blow.after)
            victim = self._chance.choice(self._victims[blow.kind])
            self._tasks.append(asyncio.create_task(self._strike(victim, blow)))
        await asyncio.gather(*self._tasks)

    async def _strike(self, victim: Victim, blow: Blow) -> None:
        async with self._suffering[victim.name]:
            what = "kill -9" if blow.seconds is None else f"SIGSTOP {blow.seconds:g} s"
            log.info("%s %s", what, victim.name)
            self.done.append({"at": round(time.time(), 3), "what": what, "whom": victim.name})
            if blow.seconds is None:
                await victim.die()
            else:
                await victim.pause(blow.seconds)
