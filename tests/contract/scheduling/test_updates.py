"""UpdateBooking over real connections: two halves, one write, and an answer that is believed only when it is right."""

from __future__ import annotations

import asyncio
import socket

import pytest
from lxml import etree

from shared.contracts.model import Interaction, ResultCode, UpdateResult
from shared.scheduling.client import Call, SchedulingClient
from shared.scheduling.failures import (
    ConnectionBroken,
    HttpFailure,
    NotReached,
    PlatformFault,
    ProducerFault,
    SchedulingFailure,
    Sent,
    TimedOut,
    Unreadable,
)
from shared.scheduling.transport import UPDATE_LIMIT
from tests.builders.scheduling import CONSUMER, FACILITY, a_configuration, a_context, an_update
from tests.builders.soap import a_fault, an_answer, an_envelope, an_update_answer
from tests.contract.scheduling.raw_booking_system import (
    Play,
    RawConnection,
    a_raw_booking_system,
    drips,
    floods,
    hangs,
    http,
    resets,
    says,
    says_and_hangs_up,
)

OK = an_update_answer()
RESPONSE = an_answer(Interaction.UPDATE_BOOKING, "<r:resultCode>OK</r:resultCode>")


async def update(url: str, *, timeouts: str = "") -> UpdateResult:
    """Open, send, close, as the saga does."""
    async with SchedulingClient(a_configuration(url, timeouts=timeouts)) as client:
        connection = await client.connect(an_update(), a_context())
        try:
            return await connection.send()
        finally:
            await connection.close()


async def notice() -> None:
    """Let the loop take in what has arrived on its sockets."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_an_update_is_sent_and_its_result_is_read() -> None:
    """The thin line."""
    async with a_raw_booking_system(says(http(an_update_answer("INFO", "Kom fastande.")))) as system:
        result = await update(system.url)

    assert result == UpdateResult(code=ResultCode.INFO, text="Kom fastande.")
    envelope = etree.fromstring(system.connections[0].content)
    assert envelope.findtext(".//{*}LogicalAddress") == FACILITY
    assert envelope.findtext(".//{*}reason") == "Jag kan inte den dagen"
    assert {
        'SOAPAction: "urn:riv:crm:scheduling:UpdateBookingResponder:1:UpdateBooking"',
        "Content-Type: text/xml; charset=utf-8",
        f"x-rivta-original-serviceconsumer-hsaid: {CONSUMER}",
        "x-skltp-correlation-id: c0ffee",
    } <= set(system.connections[0].head.split("\r\n"))


async def test_connecting_writes_nothing() -> None:
    """The booking system sees a connection come and go without a byte: between the halves the ledger commits."""

    async def listens(connection: RawConnection) -> None:
        await connection.until_hung_up()

    async with a_raw_booking_system(listens) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            connection = await client.connect(an_update(), a_context())
            seen = await system.connected()
            await connection.close()
            await seen.ended.wait()

    assert bytes(seen.received) == b""


async def test_each_update_has_a_connection_of_its_own_and_writes_once() -> None:
    """A reset on a used connection would prove nothing."""
    async with a_raw_booking_system(says(http(OK))) as system:
        await update(system.url)
        await update(system.url)

    assert [connection.requests for connection in system.connections] == [1, 1]


async def test_a_connection_sends_once() -> None:
    """Asking again is an error of ours, not a second rebooking."""
    async with a_raw_booking_system(says(http(OK))) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            connection = await client.connect(an_update(), a_context())
            await connection.send()
            with pytest.raises(RuntimeError):
                await connection.send()
            await connection.close()
            await connection.close()

    assert [connection.requests for connection in system.connections] == [1]


async def test_nobody_there_proves_that_nothing_was_sent() -> None:
    """A refused connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(NotReached) as caught:
            await update(f"http://127.0.0.1:{taken.getsockname()[1]}/{{contract}}")

    assert caught.value.sent is Sent.NO


async def test_a_connection_gone_before_the_write_proves_that_nothing_was_sent() -> None:
    """The booking system hung up while the ledger committed."""

    async def hangs_up(connection: RawConnection) -> None:
        await connection.say(b"")

    async with a_raw_booking_system(hangs_up) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            connection = await client.connect(an_update(), a_context())
            await (await system.connected()).ended.wait()
            await notice()
            with pytest.raises(NotReached) as caught:
                await connection.send()
            await connection.close()

    assert caught.value.sent is Sent.NO


async def test_an_answer_that_came_before_the_question_is_not_ours() -> None:
    """A balancer's 408, or another's answer: nothing is written after it."""

    async def speaks_first(connection: RawConnection) -> None:
        await connection.say(http(OK))
        connection.ended.set()
        await connection.until_hung_up()

    async with a_raw_booking_system(speaks_first) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            connection = await client.connect(an_update(), a_context())
            seen = await system.connected()
            await seen.ended.wait()
            await notice()
            with pytest.raises(NotReached):
                await connection.send()
            await connection.close()

    assert bytes(seen.received) == b""


MISHAPS: list[tuple[str, Play, type[SchedulingFailure], Sent]] = [
    ("HTML", says(http(b"<html/>")), Unreadable, Sent.UNKNOWN),
    ("nothing", says(http(b"")), Unreadable, Sent.UNKNOWN),
    ("a DTD", says(http(b"<!DOCTYPE x>" + OK)), Unreadable, Sent.UNKNOWN),
    ("OK with HTTP 500", says(http(OK, status="500 Error")), Unreadable, Sent.UNKNOWN),
    ("OK with HTTP 202", says(http(OK, status="202 Accepted")), Unreadable, Sent.UNKNOWN),
    ("two answers", says(http(an_envelope(etree.tostring(RESPONSE) * 2))), Unreadable, Sent.UNKNOWN),
    (
        "another element with OK",
        says(http(an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, "<r:resultCode>OK</r:resultCode>")))),
        Unreadable,
        Sent.UNKNOWN,
    ),
    (
        "two codes",
        says(
            http(
                an_envelope(
                    an_answer(
                        Interaction.UPDATE_BOOKING,
                        "<r:resultCode>OK</r:resultCode><r:resultCode>ERROR</r:resultCode>",
                    )
                )
            )
        ),
        Unreadable,
        Sent.UNKNOWN,
    ),
    ("an unknown code", says(http(an_update_answer("YES"))), Unreadable, Sent.UNKNOWN),
    ("cut off", says_and_hangs_up(http(OK[:-30], length=len(OK))), Unreadable, Sent.UNKNOWN),
    ("too large", floods(UPDATE_LIMIT), Unreadable, Sent.UNKNOWN),
    ("hung up", says_and_hangs_up(b""), ConnectionBroken, Sent.UNKNOWN),
    ("reset", resets, ConnectionBroken, Sent.UNKNOWN),
    (
        "a redirect",
        says(http(b"", status="307 Away", headers="Location: /elsewhere\r\n")),
        HttpFailure,
        Sent.UNKNOWN,
    ),
    ("HTTP 503", says(http(b"<html/>", status="503 Busy")), HttpFailure, Sent.UNKNOWN),
    ("HTTP 404", says(http(b"<html/>", status="404 Lost")), HttpFailure, Sent.NO),
    ("a fault", says(http(a_fault("fel"), status="500 Error")), ProducerFault, Sent.UNKNOWN),
    ("VP009", says(http(a_fault("VP009 x"), status="500 Error")), PlatformFault, Sent.UNKNOWN),
    ("VP004", says(http(a_fault("VP004 x"), status="500 Error")), PlatformFault, Sent.NO),
]


@pytest.mark.parametrize(("play", "kind", "sent"), [row[1:] for row in MISHAPS], ids=[row[0] for row in MISHAPS])
async def test_each_mishap_says_what_it_proves(play: Play, kind: type[SchedulingFailure], sent: Sent) -> None:
    """One write, whatever happens, and only certain knowledge counts as not sent."""
    async with a_raw_booking_system(play) as system:
        with pytest.raises(SchedulingFailure) as caught:
            await update(system.url)

    assert (type(caught.value), caught.value.sent) == (kind, sent)
    assert [connection.requests for connection in system.connections] == [1]


@pytest.mark.parametrize(
    ("play", "timeouts"),
    [(hangs, "update: 0.2"), (hangs, "deadline: 0.2"), (drips(http(OK)), "deadline: 0.2")],
    ids=["silence", "hanging", "dripping"],
)
async def test_an_answer_that_does_not_come_in_time_proves_nothing(play: Play, timeouts: str) -> None:
    """Silence ends it, and so does the wall clock however steadily bytes come."""
    async with a_raw_booking_system(play) as system:
        with pytest.raises(TimedOut) as caught:
            await update(system.url, timeouts=timeouts)

    assert caught.value.sent is Sent.UNKNOWN


async def test_every_end_closes_the_connection() -> None:
    """After a failure the booking system sees the other side go."""

    async def hangs_on(connection: RawConnection) -> None:
        await hangs(connection)
        connection.ended.set()

    async with a_raw_booking_system(hangs_on) as system:
        with pytest.raises(TimedOut):
            await update(system.url, timeouts="deadline: 0.2")

        await asyncio.wait_for(system.connections[0].ended.wait(), 5)


async def test_each_update_is_told_with_its_outcome() -> None:
    """The sending and the failure to connect alike."""
    calls: list[Call] = []
    async with a_raw_booking_system(says(http(an_update_answer("ERROR", "Upptagen")))) as system:
        async with SchedulingClient(a_configuration(system.url), on_call=calls.append) as client:
            connection = await client.connect(an_update(), a_context())
            await connection.send()
            await connection.close()
    async with SchedulingClient(a_configuration("http://127.0.0.1:1/{contract}"), on_call=calls.append) as client:
        with pytest.raises(NotReached):
            await client.connect(an_update(), a_context())

    assert [(call.producer, call.interaction, call.outcome) for call in calls] == [
        ("north", Interaction.UPDATE_BOOKING, "ok"),
        ("north", Interaction.UPDATE_BOOKING, "not_reached"),
    ]
