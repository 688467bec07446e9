"""The event log's promises, the same for every adapter."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from shared.clock import SystemClock
from shared.messaging.event_log import (
    Appended,
    Conflict,
    EventLog,
    Gone,
    Head,
    Known,
    LogUnavailable,
    NewEntry,
    Stale,
)
from shared.messaging.event_log_memory import MemoryEventLog
from shared.messaging.event_log_redis import RedisEventLog

HEAD = Head(owner="owner", index="index", body=b"\x00sealed\xff")


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryEventLog(SystemClock())
        return
    adapter = RedisEventLog(request.getfixturevalue("fresh_events_url"))
    yield adapter
    await adapter.close()


def a_choice(key: str, expected: int, *rebase: str) -> NewEntry:
    """A choice that resets sections."""
    return NewEntry(key=key, public=b'{"choice":1}', expected_choice=expected, rebase=rebase)


def a_result(key: str, section: str, basis: int) -> NewEntry:
    """A look-up's result."""
    return NewEntry(key=key, public=b'{"result":1}', private=b"\x00", section=section, basis=basis)


async def a_log(log: EventLog, *, index: str | None = None) -> str:
    """A log whose first entry is a choice that resets the days."""
    rebooking_id = uuid.uuid4().hex
    head = Head(HEAD.owner, index or rebooking_id, HEAD.body)
    await log.open(rebooking_id, head, [a_choice("start", 0, "days")])
    return rebooking_id


async def test_entries_are_read_as_they_were_written(log: EventLog) -> None:
    """Every field of an entry comes back, and a read from a seq gives what follows it."""
    rebooking_id = await a_log(log)
    entry = NewEntry(
        key="k", public="{å}".encode(), private=b"\x00\xff", fingerprint="f", rebase=("days", "details"), deadline=12.5
    )
    assert await log.append(rebooking_id, [entry]) == Appended(2, 2)
    view = await log.read(rebooking_id, after=1)
    assert view is not None
    assert view.head.body == HEAD.body
    assert view.last_seq == 2
    (read,) = view.entries
    assert (read.seq, read.key, read.public, read.private) == (2, "k", "{å}".encode(), b"\x00\xff")
    assert (read.fingerprint, read.is_choice, read.rebase, read.deadline) == ("f", False, ("days", "details"), 12.5)
    assert await log.last_seqs([rebooking_id, "none"]) == {rebooking_id: 2}


async def test_one_log_stands_under_an_index(log: EventLog) -> None:
    """A second opening finds the first, unless it names it as the one it replaces."""
    index = uuid.uuid4().hex
    first = await a_log(log, index=index)
    head = Head("owner", index, b"")
    found = await log.open(uuid.uuid4().hex, head, [a_choice("start", 0)])
    assert (found.rebooking_id, found.created) == (first, False)
    other = uuid.uuid4().hex
    assert (await log.open(other, head, [a_choice("start", 0)], replaces=first)).created
    assert (await log.open(uuid.uuid4().hex, head, [a_choice("start", 0)])).rebooking_id == other


async def test_the_same_key_writes_nothing_and_gives_the_old_seq(log: EventLog) -> None:
    """A repeated command or result is recognised, before anything else is looked at."""
    rebooking_id = await a_log(log)
    await log.append(rebooking_id, [NewEntry(key="k", public=b"{}", fingerprint="one", expected_choice=1)])
    again = NewEntry(key="k", public=b"{2}", fingerprint="two", expected_choice=1)
    assert await log.append(rebooking_id, [again]) == Known(2, "one")
    assert (await log.last_seqs([rebooking_id]))[rebooking_id] == 2


async def test_a_choice_made_on_an_older_one_is_a_conflict(log: EventLog) -> None:
    """Of two tabs that choose at once one wins, and the other folds again."""
    rebooking_id = await a_log(log)
    assert isinstance(await log.append(rebooking_id, [a_choice("a", 1, "days")]), Appended)
    assert await log.append(rebooking_id, [a_choice("b", 1, "days")]) == Conflict(2)


async def test_a_result_of_an_older_basis_is_stale(log: EventLog) -> None:
    """What a newer choice has superseded changes nothing, and what it left alone still counts."""
    rebooking_id = await a_log(log)
    await log.append(rebooking_id, [a_choice("a", 1, "timeslots")])
    assert isinstance(await log.append(rebooking_id, [a_result("r1", "days", 1)]), Appended)
    await log.append(rebooking_id, [a_choice("b", 2, "days")])
    assert await log.append(rebooking_id, [a_result("r2", "days", 1)]) == Stale()
    assert isinstance(await log.append(rebooking_id, [a_result("r3", "days", 4)]), Appended)


async def test_several_entries_are_written_together_or_not_at_all(log: EventLog) -> None:
    """An append is atomic, and only its first entry is checked."""
    rebooking_id = await a_log(log)
    both = [a_choice("a", 1, "details"), a_result("a:details", "details", 0)]
    assert await log.append(rebooking_id, both) == Appended(2, 3)
    assert await log.append(rebooking_id, [a_choice("b", 1), a_result("b:details", "details", 0)]) == Conflict(2)
    assert (await log.last_seqs([rebooking_id]))[rebooking_id] == 3


async def test_a_log_that_is_not_there_is_gone(log: EventLog) -> None:
    """Nobody makes a log by appending to it."""
    assert await log.append("none", [a_choice("a", 0)]) == Gone()
    assert await log.read("none") is None


async def test_racing_appends_leave_no_hole(log: EventLog) -> None:
    """Two hundred at once get 2..201, each once."""
    rebooking_id = await a_log(log)
    entries = [NewEntry(key=str(n), public=b"{}") for n in range(200)]
    outcomes = await asyncio.gather(*(log.append(rebooking_id, [entry]) for entry in entries))
    assert sorted(one.seq for one in outcomes if isinstance(one, Appended)) == list(range(2, 202))


async def test_of_racing_choices_one_wins_each_round(log: EventLog) -> None:
    """Choices made on the same choice exclude each other."""
    rebooking_id = await a_log(log)
    outcomes = await asyncio.gather(*(log.append(rebooking_id, [a_choice(str(n), 1)]) for n in range(20)))
    assert sum(isinstance(one, Appended) for one in outcomes) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 19


async def test_followers_are_woken(log: EventLog) -> None:
    """Whoever follows a rebooking is woken by what is appended after, and not by other rebookings."""
    followed, other = await a_log(log), await a_log(log)
    async with log.listen() as listener:
        await listener.follow(followed)
        await log.append(other, [NewEntry(key="x", public=b"{}")])
        await log.append(followed, [NewEntry(key="x", public=b"{}")])
        async with asyncio.timeout(5):
            assert await anext(aiter(listener.wakes())) == followed


@pytest.mark.servers
async def test_a_listener_whose_connection_breaks_is_made_again(fresh_events_url: str) -> None:
    """Everything followed is woken once it stands again, and what comes after is heard as before."""
    log = RedisEventLog(fresh_events_url)
    rebooking_id = await a_log(log)
    async with log.listen() as listener, redis.asyncio.Redis.from_url(fresh_events_url) as other:
        await listener.follow(rebooking_id)
        for _ in range(2):
            await other.client_kill_filter(_type="pubsub")
            async with asyncio.timeout(10):
                assert await anext(aiter(listener.wakes())) == rebooking_id
        await log.append(rebooking_id, [NewEntry(key="x", public=b"{}")])
        async with asyncio.timeout(10):
            assert await anext(aiter(listener.wakes())) == rebooking_id
        another = await a_log(log)
        await listener.follow(another)
    await log.close()


@pytest.mark.servers
async def test_a_log_whose_connections_have_died_still_writes_and_reads(fresh_events_url: str) -> None:
    """After Redis was restarted nothing fails on a connection that was kept from before."""
    log = RedisEventLog(fresh_events_url)
    opened = await asyncio.gather(*(a_log(log) for _ in range(20)))
    async with redis.asyncio.Redis.from_url(fresh_events_url) as other:
        for n in range(2):
            await other.client_kill_filter(_type="normal", skipme=True)
            entry = NewEntry(key=f"x{n}", public=b"{}")
            assert set(await asyncio.gather(*(log.append(one, [entry]) for one in opened))) == {Appended(2 + n, 2 + n)}
            await other.client_kill_filter(_type="normal", skipme=True)
            assert await log.last_seqs(opened) == dict.fromkeys(opened, 2 + n)
    await log.close()


@pytest.mark.servers
async def test_an_opening_whose_answer_was_lost_is_the_same_opening(fresh_events_url: str) -> None:
    """Sent again with its own id it has been created by this caller, and stands once."""
    log = RedisEventLog(fresh_events_url)
    head = Head(HEAD.owner, "index", HEAD.body)
    first = await log.open("one", head, [a_choice("start", 0)])
    again = await log.open("one", head, [a_choice("start", 0)])
    assert first == again
    assert again.created
    assert await log.last_seqs(["one"]) == {"one": 1}
    await log.close()


async def test_choices_are_heard_by_everybody(log: EventLog) -> None:
    """A worker hears which sections a choice has reset, in any rebooking."""
    rebooking_id = await a_log(log)
    async with log.choices() as choices:
        hearing = asyncio.ensure_future(anext(aiter(choices)))
        n = 1
        while not hearing.done():  # until the subscription stands, choices may be missed
            await log.append(rebooking_id, [a_choice(f"c{n}", n, "days", "details")])
            n += 1
            await asyncio.wait({hearing}, timeout=0.05)
        heard = hearing.result()
    assert heard.rebooking_id == rebooking_id
    assert heard.rebase == ("days", "details")


async def test_a_log_lives_as_long_as_it_was_asked_to() -> None:
    """A log ends its idle time after the last event, and a longer life asked for before is kept."""
    from shared.clock import FixedClock

    clock = FixedClock(dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
    log = MemoryEventLog(clock)
    rebooking_id = await a_log(log)
    await log.append(rebooking_id, [NewEntry(key="a", public=b"{}")], ttl=24 * 3600)
    await log.append(rebooking_id, [NewEntry(key="b", public=b"{}")])
    clock.move(23 * 3600)
    assert await log.read(rebooking_id) is not None
    clock.move(2 * 3600)
    assert await log.read(rebooking_id) is None


async def test_a_log_that_does_not_answer_says_so() -> None:
    """Redis away: every call ends in LogUnavailable, soon."""
    log = RedisEventLog("redis://127.0.0.1:1/0")
    with pytest.raises(LogUnavailable):
        await log.ping()
    with pytest.raises(LogUnavailable):
        await log.append("x", [a_choice("a", 0)])
    await log.close()
