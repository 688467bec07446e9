"""The event log in Redis: a stream and a hash for each rebooking, one atomic script for each way of writing.

The stream's ids are `seq-0`, so a read from a seq is a range. Wake-ups go over pub/sub and carry nothing: whoever is
woken reads the stream from the last seq it has. An instance belongs to one event loop. Source: architecture, "A
rebooking is an event log".
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import redis.asyncio
from redis.exceptions import RedisError

from shared.messaging.event_log import (
    IDLE_SECONDS,
    Appended,
    AppendOutcome,
    ChoiceMade,
    Conflict,
    Entry,
    Gone,
    Head,
    Known,
    Listener,
    LogUnavailable,
    LogView,
    NewEntry,
    Opened,
    Stale,
)
from shared.redis_connection import redis_at

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
RECONNECT_SECONDS = 0.3
CHOICES = "omboka:choices"
Result = TypeVar("Result")

_WRITE = """
local function write(id, meta, stream, entries, ttl)
  local first, last
  for _, entry in ipairs(entries) do
    local seq = redis.call('HINCRBY', meta, 'seq', 1)
    first, last = first or seq, seq
    redis.call('XADD', stream, seq .. '-0', 'key', entry[1], 'public', entry[2], 'private', entry[3],
               'fingerprint', entry[4], 'choice', entry[7] ~= '' and '1' or '',
               'rebase', entry[8], 'deadline', entry[9])
    redis.call('HSET', meta, 'key:' .. entry[1], seq .. ' ' .. entry[4])
    for section in string.gmatch(entry[8], '%S+') do redis.call('HSET', meta, 'basis:' .. section, seq) end
    if entry[7] ~= '' then
      redis.call('HSET', meta, 'choice', seq)
      redis.call('PUBLISH', 'omboka:choices', cjson.encode({id, seq, entry[8]}))
    end
  end
  local left = redis.call('PTTL', meta)
  if ttl > left then
    redis.call('PEXPIRE', meta, ttl)
    redis.call('PEXPIRE', stream, ttl)
  else
    redis.call('PEXPIRE', stream, left)
  end
  redis.call('PUBLISH', 'omboka:wake:' .. id, last)
  return {first, last}
end
local function entries_from(start)
  local entries = {}
  for i = start, #ARGV, 9 do
    local entry = {}
    for j = 0, 8 do entry[j + 1] = ARGV[i + j] end
    entries[#entries + 1] = entry
  end
  return entries
end
"""

_APPEND = (
    _WRITE
    + """
local meta, stream = KEYS[1], KEYS[2]
if redis.call('EXISTS', meta) == 0 then return {'gone'} end
local entries = entries_from(3)
local first = entries[1]
local known = redis.call('HGET', meta, 'key:' .. first[1])
if known then return {'known', known} end
if first[7] ~= '' then
  local last = redis.call('HGET', meta, 'choice') or '0'
  if last ~= first[7] then return {'conflict', last} end
end
if first[5] ~= '' and first[6] ~= '' and redis.call('HGET', meta, 'basis:' .. first[5]) ~= first[6] then
  return {'stale'}
end
local seqs = write(ARGV[1], meta, stream, entries, tonumber(ARGV[2]))
return {'appended', seqs[1], seqs[2]}
"""
)

_OPEN = (
    _WRITE
    + """
local meta, stream, index = KEYS[1], KEYS[2], KEYS[3]
local found = redis.call('GET', index)
if found and found ~= ARGV[3] and redis.call('EXISTS', 'omboka:meta:' .. found) == 1 then return {'found', found} end
redis.call('HSET', meta, 'owner', ARGV[4], 'index', ARGV[5], 'body', ARGV[6])
write(ARGV[1], meta, stream, entries_from(7), tonumber(ARGV[2]))
redis.call('SET', index, ARGV[1], 'PX', 90000000)
return {'created', ARGV[1]}
"""
)

# KEYS: meta and stream of each log. ARGV: for each the first stream id that is wanted.
_READ = """
local views = {}
for i, start in ipairs(ARGV) do
  local meta, stream = KEYS[2 * i - 1], KEYS[2 * i]
  local seq, owner, index, body = unpack(redis.call('HMGET', meta, 'seq', 'owner', 'index', 'body'))
  views[i] = seq and {seq, owner, index, body, redis.call('XRANGE', stream, start, '+')}
end
return views
"""


class RedisEventLog:
    """The event log at a Redis address (append-only file on, `noeviction`)."""

    def __init__(self, url: str) -> None:
        self._redis = redis_at(url, patience=PATIENCE_SECONDS)
        self._append = self._redis.register_script(_APPEND)
        self._open = self._redis.register_script(_OPEN)
        self._read = self._redis.register_script(_READ)

    async def open(
        self,
        rebooking_id: str,
        head: Head,
        entries: Sequence[NewEntry],
        *,
        replaces: str | None = None,
        ttl: float = IDLE_SECONDS,
    ) -> Opened:
        """Open a log with its first entries, unless one stands under the same index (and isn't `replaces`)."""
        keys = [_meta(rebooking_id), _stream(rebooking_id), f"omboka:index:{head.index}"]
        arguments: list[Any] = [rebooking_id, int(ttl * 1000), replaces or "", head.owner, head.index, head.body]
        answer = await self._bounded(lambda: self._open(keys=keys, args=arguments + _flat(entries)))
        found = answer[1].decode()
        # its own id is found when the script ran, its answer was lost, and it was sent again
        return Opened(found, created=found == rebooking_id)

    async def append(
        self, rebooking_id: str, entries: Sequence[NewEntry], *, ttl: float = IDLE_SECONDS
    ) -> AppendOutcome:
        """Append entries, all or none; only the first one's key, basis and expected choice are checked."""
        keys = [_meta(rebooking_id), _stream(rebooking_id)]
        arguments = [rebooking_id, int(ttl * 1000), *_flat(entries)]
        answer = await self._bounded(lambda: self._append(keys=keys, args=arguments))
        match answer[0]:
            case b"appended":
                return Appended(int(answer[1]), int(answer[2]))
            case b"known":
                seq, _, fingerprint = answer[1].decode().partition(" ")
                return Known(int(seq), fingerprint)
            case b"conflict":
                return Conflict(int(answer[1]))
            case b"stale":
                return Stale()
            case _:
                return Gone()

    async def read(self, rebooking_id: str, *, after: int = 0) -> LogView | None:
        """The entries after a seq; None when there is no such log."""
        return (await self.read_each({rebooking_id: after})).get(rebooking_id)

    async def read_each(self, after: Mapping[str, int]) -> Mapping[str, LogView]:
        """The entries of several logs, each after its own seq, in one asking; without the logs that don't exist."""
        keys = [key for one in after for key in (_meta(one), _stream(one))]
        arguments = [f"{seq + 1}-0" for seq in after.values()]
        found = await self._bounded(lambda: self._read(keys=keys, args=arguments))
        return {one: _view(view) for one, view in zip(after, found, strict=True) if view is not None}

    async def last_seqs(self, rebooking_ids: Sequence[str]) -> Mapping[str, int]:
        """The last seq of each log that exists."""

        async def all_of_them() -> Any:
            async with self._redis.pipeline(transaction=False) as pipe:
                for rebooking_id in rebooking_ids:
                    pipe.hget(_meta(rebooking_id), "seq")
                return await pipe.execute()

        found = await self._bounded(all_of_them) if rebooking_ids else []
        return {one: int(seq) for one, seq in zip(rebooking_ids, found, strict=True) if seq is not None}

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listener]:
        """Wake-ups over one pub/sub connection for everything that this process follows."""
        listener = _RedisListener(self._redis)
        listener.start()
        try:
            yield listener
        finally:
            await listener.stop()

    @asynccontextmanager
    async def choices(self) -> AsyncIterator[AsyncIterator[ChoiceMade]]:
        """Every choice made from now on, in any rebooking; some are missed while Redis is away."""
        yield self._choices()

    async def _choices(self) -> AsyncIterator[ChoiceMade]:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(CHOICES)
                    async for message in pubsub.listen():
                        rebooking_id, seq, rebase = json.loads(message["data"])
                        yield ChoiceMade(rebooking_id, int(seq), tuple(rebase.split()))
            except (RedisError, OSError):
                log.warning("choices can't be heard for now: superseded look-ups run to their end")
                await asyncio.sleep(1.0)

    async def ping(self) -> None:
        """Return when the log answers."""
        await self._bounded(self._redis.ping)

    async def close(self) -> None:
        """Give the connections up."""
        await self._redis.aclose()

    async def _bounded(self, make: Callable[[], Awaitable[Result]]) -> Result:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await make()
        except (RedisError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"the event log doesn't answer: {type(error).__name__}") from error


class _RedisListener:
    """Follows rebookings over one connection; makes it again when it breaks, and then wakes everything once."""

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self._redis = connection
        self._pubsub = connection.pubsub(ignore_subscribe_messages=False)
        self._followed: set[str] = set()
        self._subscribed: dict[str, asyncio.Event] = {}
        self._woken: asyncio.Queue[str] = asyncio.Queue()
        self._has_any = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(RedisError, OSError):
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def follow(self, rebooking_id: str) -> None:
        self._followed.add(rebooking_id)
        subscribed = self._subscribed.setdefault(rebooking_id, asyncio.Event())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._pubsub.subscribe(_wake(rebooking_id))
                self._has_any.set()
                await subscribed.wait()
        except (RedisError, OSError, TimeoutError) as error:
            raise LogUnavailable("the event log can't be listened to") from error

    async def leave(self, rebooking_id: str) -> None:
        self._followed.discard(rebooking_id)
        self._subscribed.pop(rebooking_id, None)
        with suppress(RedisError, OSError):
            await self._pubsub.unsubscribe(_wake(rebooking_id))

    async def wakes(self) -> AsyncIterator[str]:
        while True:
            yield await self._woken.get()

    async def _run(self) -> None:
        while True:
            await self._has_any.wait()
            try:
                await self._listen()
            except (RedisError, OSError, RuntimeError):  # the client's word for a connection that is gone
                await self._again()

    async def _listen(self) -> None:
        while True:
            message = await self._pubsub.get_message(timeout=30.0)
            if message is None:
                if not self._pubsub.subscribed:
                    self._has_any.clear()
                    return
                continue
            rebooking_id = message["channel"].decode().removeprefix("omboka:wake:")
            if message["type"] == "subscribe" and rebooking_id in self._subscribed:
                if self._subscribed[rebooking_id].is_set():  # the client has made the connection anew by itself
                    self._woken.put_nowait(rebooking_id)
                self._subscribed[rebooking_id].set()
            elif message["type"] == "message" and rebooking_id in self._followed:
                self._woken.put_nowait(rebooking_id)

    async def _again(self) -> None:
        """Subscribe anew to everything, and wake it: what was missed stands in the stream."""
        while True:
            await asyncio.sleep(RECONNECT_SECONDS)
            old, self._pubsub = self._pubsub, self._redis.pubsub(ignore_subscribe_messages=False)
            with suppress(RedisError, OSError, RuntimeError):
                await old.aclose()  # type: ignore[no-untyped-call]
            followed = list(self._followed)
            try:
                if followed:
                    await self._pubsub.subscribe(*(_wake(one) for one in followed))
                else:
                    self._has_any.clear()
            except (RedisError, OSError):
                continue
            for one in followed:
                self._woken.put_nowait(one)
            return


def _meta(rebooking_id: str) -> str:
    return f"omboka:meta:{rebooking_id}"


def _stream(rebooking_id: str) -> str:
    return f"omboka:log:{rebooking_id}"


def _wake(rebooking_id: str) -> str:
    return f"omboka:wake:{rebooking_id}"


def _flat(entries: Sequence[NewEntry]) -> list[Any]:
    flat: list[Any] = []
    for one in entries:
        flat += [
            one.key,
            one.public,
            one.private or b"",
            one.fingerprint,
            one.section or "",
            "" if one.basis is None else str(one.basis),
            "" if one.expected_choice is None else str(one.expected_choice),
            " ".join(one.rebase),
            "" if one.deadline is None else repr(one.deadline),
        ]
    return flat


def _view(found: list[Any]) -> LogView:
    seq, owner, index, body, entries = found
    return LogView(Head(owner.decode(), index.decode(), body), tuple(map(_entry, entries)), int(seq))


def _entry(found: tuple[bytes, list[bytes]]) -> Entry:
    name, flat = found
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return Entry(
        seq=int(name.partition(b"-")[0]),
        key=fields[b"key"].decode(),
        public=fields[b"public"],
        private=fields[b"private"] or None,
        fingerprint=fields[b"fingerprint"].decode(),
        is_choice=bool(fields[b"choice"]),
        rebase=tuple(fields[b"rebase"].decode().split()),
        deadline=float(fields[b"deadline"]) if fields[b"deadline"] else None,
    )
