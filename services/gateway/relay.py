"""The relay: from the event log to everybody here who follows a rebooking. Wake-ups carry nothing; the log is read.

One listener for the whole gateway. Subscribed first, then read; every 20 seconds the last seqs are compared, so that a
lost wake-up costs at most that. Source: architecture, "Wake-up".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Protocol

from services.gateway.rebookings import TIMEOUT_GRACE
from shared.clock import Clock
from shared.contracts.events import with_seq
from shared.messaging.event_log import Entry, EventLog, Listener, LogUnavailable, LogView

log = logging.getLogger(__name__)

COMPARE_SECONDS = 20.0
AGAIN_SECONDS = 1.0
READ_TOGETHER = 64
"""How many rebookings are read in one asking, when so many wake at once."""


class Follower(Protocol):
    """Somebody who follows a rebooking; `after` is the last seq they have, kept by the relay. Never blocks."""

    after: int

    def deliver(self, frames: Sequence[bytes]) -> None:
        """Take the events after `after`, in order."""

    def resync(self) -> None:
        """What they have is not in the log: they must fetch the snapshot."""

    def gone(self) -> None:
        """The log is gone."""


class _Followed:
    """One rebooking that somebody follows."""

    def __init__(self) -> None:
        self.followers: set[Follower] = set()
        self.lock = asyncio.Lock()
        self.subscribed = False
        self.last_seq = 0
        self.timers: list[asyncio.TimerHandle] = []


class Relay:
    """Follows rebookings for the sockets and long-polls of this gateway. One event loop's own."""

    def __init__(
        self,
        events: EventLog,
        clock: Clock,
        sweep: Callable[[str], Awaitable[None]],
        learn: Callable[[str, Sequence[Entry]], None],
    ) -> None:
        self._events = events
        self._clock = clock
        self._sweep = sweep
        self._learn = learn
        self._followed: dict[str, _Followed] = {}
        self._listener: Listener | None = None
        self._listening = asyncio.Event()
        self._woken: dict[str, None] = {}
        self._any_woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        """Relay for as long as this is open."""
        self._start(self._listen())
        self._start(self._read())
        self._start(self._compare())
        try:
            yield self
        finally:
            for followed in self._followed.values():
                _cancel_timers(followed)
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def following(
        self, rebooking_id: str, follower: Follower, *, deadlines: Iterable[float] = ()
    ) -> AsyncIterator[None]:
        """Deliver what comes after `follower.after` for as long as this is open, and what is there already at once.

        `deadlines` are when look-ups under way should have ended (UTC seconds). Raises LogUnavailable.
        """
        followed = self._followed.setdefault(rebooking_id, _Followed())
        followed.followers.add(follower)
        try:
            await self._subscribe(rebooking_id, followed)
            self._watch(rebooking_id, followed, deadlines)
            self._wake(rebooking_id)
            yield
        finally:
            followed.followers.discard(follower)
            await self._leave(rebooking_id, followed)

    async def _subscribe(self, rebooking_id: str, followed: _Followed) -> None:
        try:
            await asyncio.wait_for(self._listening.wait(), AGAIN_SECONDS)
        except TimeoutError as error:
            raise LogUnavailable("the event log can't be listened to") from error
        async with followed.lock:
            if not followed.subscribed and self._listener is not None:
                await self._listener.follow(rebooking_id)
                followed.subscribed = True

    async def _leave(self, rebooking_id: str, followed: _Followed) -> None:
        async with followed.lock:
            if followed.followers:
                return
            _cancel_timers(followed)
            if followed.subscribed and self._listener is not None:
                followed.subscribed = False
                try:
                    await self._listener.leave(rebooking_id)
                except LogUnavailable:
                    log.info("a rebooking couldn't be left: the event log doesn't answer")
            if not followed.followers and self._followed.get(rebooking_id) is followed:
                del self._followed[rebooking_id]

    async def _listen(self) -> None:
        """Hold the one listener; when it can't be had, try again each second."""
        while True:
            try:
                async with self._events.listen() as listener:
                    self._listener = listener
                    for rebooking_id, followed in list(self._followed.items()):
                        async with followed.lock:
                            await listener.follow(rebooking_id)
                            followed.subscribed = True
                        self._wake(rebooking_id)
                    self._listening.set()
                    async for rebooking_id in listener.wakes():
                        self._wake(rebooking_id)
            except LogUnavailable:
                log.warning("the event log can't be listened to; trying again")
            self._listening.clear()
            self._listener = None
            for followed in self._followed.values():
                followed.subscribed = False
            await asyncio.sleep(AGAIN_SECONDS)

    async def _compare(self) -> None:
        """Look every 20 seconds whether a wake-up was lost."""
        while True:
            await asyncio.sleep(COMPARE_SECONDS)
            await self.compare()

    async def compare(self) -> None:
        """Wake for every followed rebooking whose log is longer than what was relayed, or gone."""
        followed = {one: state.last_seq for one, state in self._followed.items()}
        try:
            last_seqs = await self._events.last_seqs(list(followed))
        except LogUnavailable:
            return
        for rebooking_id, last_seq in followed.items():
            if last_seqs.get(rebooking_id) != last_seq:
                self._wake(rebooking_id)

    def _wake(self, rebooking_id: str) -> None:
        if rebooking_id in self._followed:
            self._woken[rebooking_id] = None
            self._any_woken.set()

    async def _read(self) -> None:
        """Read what has woken, one asking after the other: the more wakes meanwhile, the more is read together."""
        while True:
            await self._any_woken.wait()
            some = list(islice(self._woken, READ_TOGETHER))
            for rebooking_id in some:
                del self._woken[rebooking_id]
            if not self._woken:
                self._any_woken.clear()
            try:
                await self._catch_up(some)
            except LogUnavailable:
                await self._again(some)
            except Exception:  # one that can't be relayed keeps none of the others from it
                await self._one_by_one(some)

    async def _one_by_one(self, rebooking_ids: Sequence[str]) -> None:
        for number, rebooking_id in enumerate(rebooking_ids):
            try:
                await self._catch_up([rebooking_id])
            except LogUnavailable:
                await self._again(rebooking_ids[number:])
                return
            except Exception as error:
                log.error("a rebooking can't be relayed: %s", type(error).__name__, exc_info=error)

    async def _again(self, rebooking_ids: Sequence[str]) -> None:
        await asyncio.sleep(AGAIN_SECONDS)
        for rebooking_id in rebooking_ids:
            self._wake(rebooking_id)

    async def _catch_up(self, rebooking_ids: Sequence[str]) -> None:
        """Read each from the last seq that the furthest behind has, and give everybody what they lack."""
        followed = {one: self._followed[one] for one in rebooking_ids if one in self._followed}
        after = {one: min(each.after for each in its.followers) for one, its in followed.items() if its.followers}
        if not after:
            return
        views = await self._events.read_each(after)
        for rebooking_id in after:
            self._relay(rebooking_id, followed[rebooking_id], views.get(rebooking_id))

    def _relay(self, rebooking_id: str, followed: _Followed, view: LogView | None) -> None:
        if view is None:
            for follower in list(followed.followers):
                follower.gone()
            return
        followed.last_seq = view.last_seq
        self._learn(rebooking_id, view.entries)
        frames = [(entry.seq, with_seq(entry.public, entry.seq)) for entry in view.entries]
        for follower in list(followed.followers):
            if follower.after > view.last_seq:
                follower.after = view.last_seq
                follower.resync()
                continue
            missing = [frame for seq, frame in frames if seq > follower.after]
            # whoever came during the read, and wants earlier events than were read, is served by the next one
            if missing and frames[0][0] <= follower.after + 1:
                follower.after = view.last_seq
                follower.deliver(missing)
            elif follower.after < view.last_seq:
                self._wake(rebooking_id)
        self._watch(rebooking_id, followed, [entry.deadline for entry in view.entries if entry.deadline is not None])

    def _watch(self, rebooking_id: str, followed: _Followed, deadlines: Iterable[float]) -> None:
        """Look again a little after each deadline, so that whoever follows is told that no answer came."""
        loop, now = asyncio.get_running_loop(), self._clock.now().timestamp()
        followed.timers = [timer for timer in followed.timers if not timer.cancelled() and timer.when() > loop.time()]
        for deadline in deadlines:
            delay = deadline + TIMEOUT_GRACE - now
            if delay > 0:
                timer = loop.call_later(delay + 0.01, self._start_sweep, rebooking_id)
                followed.timers.append(timer)

    def _start_sweep(self, rebooking_id: str) -> None:
        self._start(self._swept(rebooking_id))

    async def _swept(self, rebooking_id: str) -> None:
        try:
            await self._sweep(rebooking_id)
        except LogUnavailable:
            log.info("a deadline couldn't be looked at: the event log doesn't answer")

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("relaying failed: %s", type(task.exception()).__name__, exc_info=task.exception())


class Wake:
    """A follower who only wants to know that there is something new: a long-poll."""

    def __init__(self, after: int) -> None:
        self.after = after
        self._new = asyncio.Event()

    def deliver(self, frames: Sequence[bytes]) -> None:
        """There is something."""
        self._new.set()

    def resync(self) -> None:
        """There is another log than they think."""
        self._new.set()

    def gone(self) -> None:
        """There is nothing any more."""
        self._new.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is something, or after so many seconds."""
        try:
            await asyncio.wait_for(self._new.wait(), seconds)
        except TimeoutError:
            return


def _cancel_timers(followed: _Followed) -> None:
    for timer in followed.timers:
        timer.cancel()
    followed.timers = []
