"""The WebSocket: hello, events in order, resume, commands, and every way in which it is refused or closed."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from services.gateway.deps import RELAY
from services.gateway.websocket import QUEUE, SOCKETS
from shared.contracts.sections import Section, SectionName, State
from tests.builders.gateway import ANOTHER_SUBJECT, OWN, Gateway, a_configuration, a_gateway, a_token, frames

ORIGIN = "https://portal.example"


async def closed(socket: ClientWebSocketResponse) -> int | None:
    """Read to the end; gives the close code."""
    while True:
        message = await socket.receive(timeout=10)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
            return socket.close_code


async def ticket_of(gateway: Gateway, rebooking_id: str, *, token: str | None = None) -> str:
    """A ticket."""
    answer = await gateway.post(f"/v1/rebookings/{rebooking_id}/ticket", token=token)
    body = await answer.json()
    assert answer.status == 201, body
    return str(body["ticket"])


async def by_ticket(gateway: Gateway, rebooking_id: str, hello: dict[str, Any]) -> ClientWebSocketResponse:
    """A browser's WebSocket: an Origin, no token, and this hello."""
    socket = await gateway.client.ws_connect(f"/v1/rebookings/{rebooking_id}/stream", headers={"Origin": ORIGIN})
    await socket.send_json({"type": "hello", **hello})
    return socket


async def test_a_broken_connection_resumes_with_exactly_what_was_missed():
    """Hello with the last seq gives the events after it, in order, once, then what comes live."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id)
        assert socket.protocol == "omboka.v1"
        await socket.send_json({"type": "hello"})
        assert [one["seq"] for one in await frames(socket, 1)] == [1]
        await socket.close()
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN)
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": 1})
        assert [one["seq"] for one in await frames(socket, 3)] == [2, 3, 4]
        await gateway.tell(SectionName.TERMS, Section(state=State.READY, data=()))
        assert [one["seq"] for one in await frames(socket, 1)] == [5]


async def test_a_seq_that_is_not_in_the_log_is_told_to_fetch_the_snapshot():
    """Resync, and then live from the next event."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": 99})
        assert await frames(socket, 1) == [{"type": "resync"}]
        await gateway.tell_booking()
        assert [one["seq"] for one in await frames(socket, 1)] == [2]


async def test_frames_that_are_refused_leave_the_socket_open():
    """Broken JSON, an unknown type, an unknown command, a refused one: each a problem frame, then a pong."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": 1})
        sent: list[tuple[str, str | None, str]] = [
            ("{broken", None, "invalid"),
            ("[]", None, "invalid"),
            ("[" * 60_000, None, "invalid"),
            ('{"type": "dance"}', None, "invalid"),
            ('{"type": "command", "id": "c1", "name": "dance"}', "c1", "invalid"),
            ('{"type": "command", "name": "search_further"}', None, "invalid"),
            ('{"type": "command", "id": "c2", "name": "search_further", "more": 1}', "c2", "invalid"),
            ('{"type": "command", "id": "c3", "name": "search_further"}', "c3", "invalid"),
            ('{"type": "command", "id": "c4", "name": "choose_facilities", "facilities": ["SE1"]}', "c4", "invalid"),
        ]
        for text, command_id, slug in sent:
            await socket.send_str(text)
            (frame,) = await frames(socket, 1)
            assert (frame["type"], frame["id"]) == ("problem", command_id), text
            assert frame["problem"]["type"].endswith(slug), text
        await socket.send_bytes(b"bytes")
        assert (await frames(socket, 1))[0]["type"] == "problem"
        await socket.send_json({"type": "ping"})
        assert await frames(socket, 1) == [{"type": "pong"}]


async def test_a_frame_over_64_kib_closes_with_1009():
    """Nobody may make us hold more."""
    async with a_gateway() as gateway:
        socket = await gateway.stream(await gateway.start())
        await socket.send_json({"type": "hello", "after": 1})
        await socket.send_str("x" * (64 * 1024 + 1))
        assert await closed(socket) == 1009


@pytest.mark.parametrize(
    "first", ["{broken", '{"type": "ping"}', '{"type": "hello", "after": -1}', '{"type": "hello", "after": "1"}']
)
async def test_anything_but_a_hello_first_closes_with_4401(first: str) -> None:
    """The first frame says who is there and what they have."""
    async with a_gateway() as gateway:
        socket = await gateway.stream(await gateway.start())
        await socket.send_str(first)
        assert await closed(socket) == 4401


async def test_no_hello_in_time_closes_with_4401():
    """A socket that says nothing isn't kept."""
    async with a_gateway(hello_seconds=0.05) as gateway:
        socket = await gateway.stream(await gateway.start())
        assert await closed(socket) == 4401


async def test_an_unknown_rebooking_and_anothers_close_alike():
    """What isn't there and what isn't yours: 4404, with the same frame before it."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        told = []
        for path, token in (("0" * 32, None), (rebooking_id, a_token(ANOTHER_SUBJECT))):
            socket = await gateway.stream(path, token=token)
            told.append(await frames(socket, 1))
            assert await closed(socket) == 4404
        assert told[0] == told[1]


async def test_a_rebooking_that_is_over_closes_with_4410():
    """An hour after its last event the log is gone: for a new socket, and for one that is open."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id, token=a_token(expires_in=7200))
        await socket.send_json({"type": "hello"})
        await frames(socket, 1)
        gateway.clock.move(3601)
        await gateway.client.app[RELAY].compare()
        assert await closed(socket) == 4410
        socket = await gateway.stream(rebooking_id)
        assert await closed(socket) == 4410


async def test_the_token_s_end_closes_with_4401_unless_a_new_ticket_came():
    """A second hello with a new ticket keeps the socket; without one it ends with its token."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id, token=a_token(expires_in=60))
        await socket.send_json({"type": "hello", "after": 1})
        ticket = await ticket_of(gateway, rebooking_id, token=a_token(expires_in=120))
        await socket.send_json({"type": "hello", "ticket": ticket})
        await socket.send_json({"type": "ping"})
        assert await frames(socket, 1) == [{"type": "pong"}]
        gateway.clock.move(61)
        await socket.send_json({"type": "ping"})
        assert await frames(socket, 1) == [{"type": "pong"}]
        gateway.clock.move(60)
        await socket.send_json({"type": "ping"})
        assert await closed(socket) == 4401


async def test_a_ticket_opens_one_socket_once():
    """A browser says hello with a ticket; the same ticket again is refused with 4401."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        ticket = await ticket_of(gateway, rebooking_id)
        socket = await by_ticket(gateway, rebooking_id, {"ticket": ticket})
        assert [one["seq"] for one in await frames(socket, 1)] == [1]
        again = await by_ticket(gateway, rebooking_id, {"ticket": ticket})
        assert await closed(again) == 4401


async def test_tickets_that_are_refused():
    """None, a made-up one, one too old, one of another rebooking, one whose token has expired, another patient's."""
    async with a_gateway() as gateway:
        rebooking_id, other = await gateway.start(), await gateway.start(booking_id="B2")
        assert await closed(await by_ticket(gateway, rebooking_id, {})) == 4401
        assert await closed(await by_ticket(gateway, rebooking_id, {"ticket": "made-up"})) == 4401
        of_other = await ticket_of(gateway, other)
        assert await closed(await by_ticket(gateway, rebooking_id, {"ticket": of_other})) == 4401
        short = await ticket_of(gateway, rebooking_id, token=a_token(expires_in=10))
        gateway.clock.move(11)
        assert await closed(await by_ticket(gateway, rebooking_id, {"ticket": short})) == 4401
        old = await ticket_of(gateway, rebooking_id)
        gateway.clock.move(31)
        assert await closed(await by_ticket(gateway, rebooking_id, {"ticket": old})) == 4401
        answer = await gateway.post(
            f"/v1/rebookings/{rebooking_id}/ticket", token=a_token(ANOTHER_SUBJECT, now=gateway.clock.now())
        )
        assert answer.status == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://portal.example.evil.example", None])
async def test_a_browser_of_another_site_is_refused_before_the_upgrade(origin: str | None) -> None:
    """An origin that isn't listed, or none without a token: 403, and no socket."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        headers = {"Origin": origin} if origin is not None else {}
        with pytest.raises(WSServerHandshakeError) as refused:
            await gateway.client.ws_connect(f"/v1/rebookings/{rebooking_id}/stream", headers=headers)
        assert refused.value.status == 403


async def test_an_evil_origin_is_refused_also_with_a_token():
    """A token doesn't make another site's page welcome; no Origin at all is a program, and may come."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        with pytest.raises(WSServerHandshakeError) as refused:
            await gateway.stream(rebooking_id, headers={"Origin": "https://evil.example"})
        assert refused.value.status == 403
        with pytest.raises(WSServerHandshakeError) as refused:
            await gateway.stream(rebooking_id, token="forged.token.here")
        assert refused.value.status == 401
        await gateway.stream(rebooking_id, headers={"Origin": ORIGIN})


async def test_too_many_sockets():
    """A patient's sockets and an address's are bounded; one that closes makes room."""
    limits = a_configuration().limits.model_copy(update={"sockets_per_subject": 2, "sockets_per_address": 3})
    async with a_gateway(configuration=a_configuration(limits=limits)) as gateway:
        rebooking_id = await gateway.start()
        sockets = [await gateway.stream(rebooking_id) for _ in range(3)]
        with pytest.raises(WSServerHandshakeError) as refused:
            await gateway.stream(rebooking_id)
        assert refused.value.status == 429
        for socket in sockets:
            await socket.send_json({"type": "hello"})
        told = [(await frames(socket, 1))[0] for socket in sockets[:2]]
        assert [one["type"] for one in told] == ["event", "event"]
        assert await closed(sockets[2]) == 4429


async def test_too_many_commands_are_told_over_the_socket():
    """The limit is each subject's, whichever way the commands come; after ten seconds there is room again."""
    limits = a_configuration().limits.model_copy(update={"commands_per_10s": 3})
    async with a_gateway(configuration=a_configuration(limits=limits)) as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": 1})
        for n in range(3):
            await socket.send_json({"type": "command", "id": f"c{n}", "name": "search_further"})
        told = [one["problem"] for one in await frames(socket, 3)]
        assert [one["status"] for one in told] == [422, 422, 429]
        assert told[2]["retry_after"] == 11
        gateway.clock.move(11)
        await socket.send_json({"type": "command", "id": "c9", "name": "search_further"})
        assert (await frames(socket, 1))[0]["problem"]["status"] == 422


async def test_frames_are_the_stored_bytes_and_never_compressed():
    """Compression is refused though the client offers it; an event is its bytes in the log with its number in front."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id, compress=15)
        assert socket.compress == 0
        await socket.send_json({"type": "hello"})
        view = await gateway.events.read(rebooking_id)
        for entry in view.entries:
            message = await socket.receive()
            assert message.data.encode() == b'{"seq":%d,' % entry.seq + entry.public[1:]


async def test_a_reader_that_is_too_slow_is_closed():
    """What doesn't fit in the queue of 256 closes the socket with 4408: it resumes from its last seq."""
    async with a_gateway() as gateway:
        socket = await gateway.stream(await gateway.start())
        await socket.send_json({"type": "hello"})
        await frames(socket, 1)
        (server,) = gateway.client.app[SOCKETS]
        for _ in range(QUEUE + 1):
            server.send({"type": "pong"})
        assert await closed(socket) == 4408


async def test_a_restart_closes_with_1012():
    """Whoever is connected when the gateway stops is told to come again."""
    async with a_gateway() as gateway:
        socket = await gateway.stream(await gateway.start())
        await socket.send_json({"type": "hello"})
        await frames(socket, 1)
        stopping = asyncio.create_task(gateway.client.server.close())
        assert await closed(socket) == 1012
        await stopping


async def test_commands_over_the_socket_are_the_same_commands():
    """The id that came over the socket is known over HTTP, with the same answer."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days()
        seq = (await gateway.snapshot(rebooking_id))["seq"]
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": seq})
        command = {"id": "c1", "name": "choose_day", "date": "2026-02-03"}
        await socket.send_json({"type": "command", **command})
        got = {one["type"]: one for one in await frames(socket, 2)}
        assert got["accepted"] == {"type": "accepted", "id": "c1", "seq": got["event"]["seq"]}
        again = await gateway.post(f"/v1/rebookings/{rebooking_id}/commands", command)
        assert await again.json() == {"command_id": "c1", "seq": got["event"]["seq"]}
        assert json.loads(json.dumps(got["event"]))["command_id"] == "c1"


async def test_a_command_over_a_socket_is_decided_on_what_was_relayed():
    """Nothing is read for it: it is accepted while the log gives nothing."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days()
        seq = (await gateway.snapshot(rebooking_id))["seq"]
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": seq - 1})
        await frames(socket, 1)
        gateway.events.held = asyncio.Event()
        await socket.send_json({"type": "command", "id": "c1", "name": "choose_day", "date": "2026-02-03"})
        (accepted,) = await frames(socket, 1)
        assert (accepted["type"], accepted["id"]) == ("accepted", "c1")
        gateway.events.held.set()
        (event,) = await frames(socket, 1)
        assert (event["name"], event["seq"]) == ("choice.made", accepted["seq"])


async def test_a_command_is_never_refused_for_what_was_not_relayed_yet():
    """Days that another gateway's client has seen, and a choice made there: both count, though this one lags behind."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days()
        await gateway.command(rebooking_id, "search_further")
        seq = (await gateway.snapshot(rebooking_id))["seq"]
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello", "after": seq - 1})
        await frames(socket, 1)
        gateway.events.held = asyncio.Event()
        await gateway.tell_days("2026-02-03", "2026-03-30", last_day=dt.date(2026, 3, 31))
        await socket.send_json({"type": "command", "id": "c1", "name": "choose_day", "date": "2026-03-30"})
        await socket.send_json({"type": "command", "id": "c2", "name": "choose_day", "date": "2026-12-24"})
        gateway.events.held.set()
        got = await frames(socket, 4)
        told = [(one["type"], one.get("id") or one.get("name")) for one in got]
        assert sorted(told) == [
            ("accepted", "c1"),
            ("event", "choice.made"),
            ("event", "days.ready"),
            ("problem", "c2"),
        ]
