"""A Redis that one can do without: a failure is paid for once, and a late process doesn't take Redis for gone."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisGone

from shared import redis_connection
from shared.redis_connection import SILENT_TURNS, TURN_SECONDS, Dispensable


class Pinged(redis.asyncio.Redis):
    """A connection that answers pings, or fails them, and counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = True
        self.pings = 0

    async def ping(self, **more: Any) -> bool:
        """Answer, or not."""
        self.pings += 1
        if not self.answers:
            raise RedisGone("gone")
        return True


async def turns() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def refused() -> str:
    """What Redis says when it isn't there."""
    raise RedisGone("refused")


async def never() -> str:
    """What it says when nothing comes."""
    await asyncio.Event().wait()
    return "late"


async def something() -> str:
    """An answer."""
    return "something"


async def test_after_a_failure_nobody_asks_until_it_answers_again() -> None:
    """The first asker notices; the others have their own way at once; a ping beside them opens it again."""
    connection = Pinged()
    connection.answers = False
    asked = Dispensable(connection, patience=30)
    assert await asked.ask(refused, "otherwise") == "otherwise"
    await turns()
    assert await asked.ask(never, "otherwise") == "otherwise"
    other = Dispensable(connection, patience=30)
    connection.answers = True
    assert await other.ask(refused, "otherwise") == "otherwise"
    await turns()
    assert await other.ask(something, "otherwise") == "something"
    await asked.close()
    await other.close()


async def test_one_late_answer_does_not_make_it_gone() -> None:
    """A process with much to do at once may miss an answer in time: when the ping comes back, everybody asks on."""
    connection = Pinged()
    asked = Dispensable(connection, patience=0.01)
    assert await asked.ask(never, "otherwise") == "otherwise"
    assert await asked.ask(something, "otherwise") == "something"
    await turns()
    assert connection.pings == 1
    assert await asked.ask(something, "otherwise") == "something"
    await asked.close()


async def test_a_silent_one_is_gone_when_its_ping_is_not_answered_either() -> None:
    """From then on nobody waits."""
    connection = Pinged()
    connection.answers = False
    asked = Dispensable(connection, patience=0.01)
    assert await asked.ask(never, "otherwise") == "otherwise"
    await turns()
    assert await asked.ask(something, "otherwise") == "otherwise"
    await asked.close()


async def test_who_waits_while_others_are_answered_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long queue before Redis is no silence; when nobody is answered any more, it is given up, by everybody."""
    monkeypatch.setattr(redis_connection, "TURN_SECONDS", 0)
    connection = Pinged()
    connection.answers = False
    asked = Dispensable(connection, patience=3600)
    last = asyncio.create_task(asked.ask(never, "otherwise"))
    for _ in range(5 * SILENT_TURNS):
        assert await asked.ask(something, "otherwise") == "something"
        await asyncio.sleep(0)
    assert not last.done()
    assert await last == "otherwise"
    assert await asked.ask(something, "otherwise") == "otherwise"
    await asked.close()


async def test_a_process_that_was_kept_from_hearing_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the event loop stood still, it is one turn: the answer may lie there, unread."""
    loop, stood_still = asyncio.get_running_loop(), 0.0
    time, answer = loop.time, asyncio.Event()
    monkeypatch.setattr(loop, "time", lambda: time() + stood_still, raising=False)

    async def late() -> str:
        await answer.wait()
        return "something"

    asked = Dispensable(Pinged(), patience=3600)
    asking = asyncio.create_task(asked.ask(late, "otherwise"))
    for _ in range(SILENT_TURNS // 2):
        await asyncio.sleep(0)
        stood_still += 100 * SILENT_TURNS * TURN_SECONDS
    answer.set()
    assert await asking == "something"
    await asked.close()


async def test_what_was_asked_for_is_not_kept() -> None:
    """Who has asked leaves nothing behind: an answer goes with the last who holds it, without the garbage collector."""

    class Answer:
        pass

    async def answer() -> Answer:
        return Answer()

    asked = Dispensable(Pinged(), patience=3600)
    gc.disable()
    try:
        asking = asyncio.create_task(asked.ask(answer, None))
        kept = weakref.ref(await asking)
        del asking
        await asyncio.sleep(0)  # until then the event loop itself holds what has woken this test
        assert kept() is None
    finally:
        gc.enable()
    await asked.close()
