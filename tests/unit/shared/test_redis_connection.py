"""A Redis that one can do without: a failure is paid for once, and a late process doesn't take Redis for gone."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.asyncio
from redis.exceptions import ConnectionError as RedisGone

from shared.redis_connection import Dispensable


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
