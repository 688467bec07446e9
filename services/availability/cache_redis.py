"""The cache in Redis, shared by every availability process; what it can't do in time it leaves.

A value holds the generation it was asked for in, before its bytes. A look is one script, so that value and generation
are of the same moment; a look with an owner also takes the lead, whose key ends in the generation of that moment.
"""

from __future__ import annotations

from services.availability.cache import NOTHING, Found, Place
from shared.redis_connection import Dispensable, redis_at
from shared.scheduling.purge import GENERATION_SECONDS, generation_key

PATIENCE_SECONDS = 5.0
"""Longer than the queue that a burst of look-ups makes before the cache. A silent one is given up much sooner."""

# KEYS: value, generation, what a lead's key begins with.
# ARGV: milliseconds for which a value is stale, owner or "", milliseconds of the lead.
# Gives the generation, and the value or false, 1 when it is fresh, 1 when the owner has the lead.
_LOOK = """
local value, generation = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) or '0'
local prefix = generation .. ' '
if value and string.sub(value, 1, #prefix) == prefix then
  value = string.sub(value, #prefix + 1)
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then return {generation, value, 1, 0} end
else value = false end
if ARGV[2] ~= '' then
  local lead = KEYS[3] .. generation
  local leads = redis.call('SET', lead, ARGV[2], 'NX', 'PX', ARGV[3]) or redis.call('GET', lead) == ARGV[2]
  if leads then return {generation, value, 0, 1} end
end
return {generation, value, 0, 0}
"""

# KEYS: value, lead. ARGV: the value with its generation, milliseconds for which it stays, owner.
_KEEP = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
"""

_GO_ON = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class RedisCache:
    """The cache at a Redis address (no persistence, evicting). Never raises: a cache that is gone is a miss."""

    def __init__(self, url: str) -> None:
        self._redis = redis_at(url, patience=PATIENCE_SECONDS)
        self._asked = Dispensable(self._redis, patience=PATIENCE_SECONDS)
        self._look = self._redis.register_script(_LOOK)
        self._keep = self._redis.register_script(_KEEP)
        self._go_on = self._redis.register_script(_GO_ON)
        self._leave = self._redis.register_script(_LEAVE)

    async def look(self, place: Place) -> Found:
        """What stands there; nothing when Redis doesn't answer."""
        return await self._looked(place, "", 0.0)

    async def lead(self, place: Place, owner: str, *, seconds: float) -> Found:
        """What stands there; unless that is fresh, the lead if nobody else has it."""
        return await self._looked(place, owner, seconds)

    async def go_on_leading(self, place: Place, generation: int, owner: str, *, seconds: float) -> None:
        """Keep the lead if it is still the owner's."""
        keys = [_lead_key(place, generation)]
        args: list[str | int] = [owner, _milliseconds(seconds)]
        await self._asked.ask(lambda: self._go_on(keys=keys, args=args), None)

    async def keep(self, place: Place, generation: int, owner: str | None, value: bytes) -> None:
        """Keep an answer until it is stale no more, and give the lead up."""
        keys = [_value_key(place), _lead_key(place, generation)]
        marked, ends = b"%d %b" % (generation, value), _milliseconds(place.fresh + place.stale)
        await self._asked.ask(lambda: self._keep(keys=keys, args=[marked, ends, owner or ""]), None)

    async def leave(self, place: Place, generation: int, owner: str) -> None:
        """Give the lead up if it is still the owner's."""
        await self._asked.ask(lambda: self._leave(keys=[_lead_key(place, generation)], args=[owner]), None)

    async def purge(self, facility: str) -> None:
        """Forget every answer of a facility."""

        async def both() -> None:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.incr(generation_key(facility))
                pipe.expire(generation_key(facility), GENERATION_SECONDS)
                await pipe.execute()

        await self._asked.ask(both, None)

    async def close(self) -> None:
        """Give the connections up."""
        await self._asked.close()

    async def _looked(self, place: Place, owner: str, seconds: float) -> Found:
        keys = [_value_key(place), generation_key(place.facility), _leads_key(place)]
        args: list[str | int] = [int(place.stale * 1000), owner, _milliseconds(seconds)]

        async def ask() -> Found:
            current, value, fresh, leads = await self._look(keys=keys, args=args)
            return Found(value, bool(fresh), int(current), bool(leads))

        return await self._asked.ask(ask, NOTHING)


def _value_key(place: Place) -> str:
    return f"omboka:{place.key}"


def _leads_key(place: Place) -> str:
    return f"omboka:lead:{place.key}:"


def _lead_key(place: Place, generation: int) -> str:
    return f"{_leads_key(place)}{generation}"


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
