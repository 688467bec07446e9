"""Look-ups over real connections: what goes out, what is believed, and how each mishap ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial

import aiohttp
import pytest
from lxml import etree

from shared.configuration import Configuration
from shared.contracts.model import Interaction, Timeslot
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
from shared.scheduling.transport import LOOK_UP_LIMIT, Way, noting_ways, post
from tests.builders.scheduling import (
    CONSUMER,
    FACILITY,
    OTHER_FACILITY,
    a_configuration,
    a_context,
    a_subject,
    a_window,
    some_filters,
)
from tests.builders.soap import a_fault, an_answer, an_envelope
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

SECRET = "191212121212"
DETAIL = (
    f"<r:timeslotDetail><c:bookingId>B-1</c:bookingId><c:subject_of_care>{SECRET}</c:subject_of_care>"
    "</r:timeslotDetail>"
)
ANSWER = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, DETAIL))
OTHER = an_envelope(an_answer(Interaction.GET_SUBJECT_OF_CARE_SCHEDULE, DETAIL))
TWO = an_envelope(etree.tostring(an_answer(Interaction.GET_BOOKING_DETAILS, DETAIL)) * 2)
QUICK = "read: 0.2"
LONG_NAME = "north: 1 of GetBookingDetails have a timeTypeName over 100 characters"


async def details(configuration: Configuration, facility: str = FACILITY, **context: float) -> Timeslot | None:
    """Ask for one booking."""
    async with SchedulingClient(configuration) as client:
        return await client.get_booking_details(facility, "B-1", a_context(**context))


async def test_an_answer_is_read() -> None:
    """The thin line: asked, answered, understood."""
    async with a_raw_booking_system(says(http(ANSWER))) as system:
        booking = await details(a_configuration(system.url))

    assert booking is not None
    assert booking.booking_id == "B-1"


async def test_the_http_headers_are_the_profiles_and_the_platforms() -> None:
    """POST to the contract's address, SOAPAction in quotes, nothing compressed, us and the click named."""
    async with a_raw_booking_system(says(http(ANSWER))) as system:
        await details(a_configuration(system.url))

    line, *headers = system.connections[0].head.split("\r\n")
    assert line == "POST /GetBookingDetails/1/rivtabp21 HTTP/1.1"
    assert {
        "Content-Type: text/xml; charset=utf-8",
        'SOAPAction: "urn:riv:crm:scheduling:GetBookingDetailsResponder:1:GetBookingDetails"',
        "Accept-Encoding: identity",
        f"x-rivta-original-serviceconsumer-hsaid: {CONSUMER}",
        "x-skltp-correlation-id: c0ffee",
    } <= set(headers)


async def test_a_facility_is_addressed_as_the_catalogue_spells_it() -> None:
    """There are systems that compare LogicalAddress and healthcare_facility letter by letter (contract 3.2)."""
    async with a_raw_booking_system(says(http(ANSWER))) as system:
        await details(a_configuration(system.url), FACILITY.lower())

    envelope = etree.fromstring(system.connections[0].content)
    address = envelope.findtext(".//{urn:riv:itintegration:registry:1}LogicalAddress")
    facility = envelope.findtext(".//{*}healthcare_facility")
    assert (address, facility) == (FACILITY, FACILITY)


async def test_a_booking_system_that_has_moved_is_found_at_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call finds nobody at the old address, and no second: containers change theirs when they are started."""
    at = ["127.0.0.2", "127.0.0.1"]

    async def resolve(_: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        place = {"hostname": host, "host": at[0], "port": port, "family": socket.AF_INET, "proto": 0}
        return [{**place, "flags": socket.AI_NUMERICHOST}]

    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", resolve)
    async with a_raw_booking_system(says(http(ANSWER))) as system:
        named = a_configuration(system.url.replace("127.0.0.1", "booking.example"))
        async with SchedulingClient(named) as client:
            with pytest.raises(NotReached):
                await client.get_booking_details(FACILITY, "B-1", a_context())
            del at[0]
            assert await client.get_booking_details(FACILITY, "B-1", a_context()) is not None


async def test_a_booking_system_that_has_closed_what_we_kept_is_asked_again() -> None:
    """It was started anew: every connection that was kept is dead, and nobody is told of it."""

    async def dies_at_its_second(connection: RawConnection) -> None:
        await connection.request()
        await together.wait()
        await connection.say(http(ANSWER))
        if await connection.request():
            connection.reset()

    together = asyncio.Barrier(2)
    async with a_raw_booking_system(dies_at_its_second) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            ask = partial(client.get_booking_details, FACILITY, "B-1", a_context())
            assert None not in await asyncio.gather(ask(), ask())
            assert None not in await asyncio.gather(ask(), ask())
    assert [connection.requests for connection in system.connections] == [2, 2, 1, 1]


async def test_a_booking_system_that_breaks_a_new_connection_is_not_asked_again() -> None:
    """That is an answer of a kind: whoever can't be asked isn't asked twice as often."""

    async def breaks(connection: RawConnection) -> None:
        await connection.request()
        connection.reset()

    async with a_raw_booking_system(breaks) as system:
        with pytest.raises(ConnectionBroken):
            await details(a_configuration(system.url))
    assert [connection.requests for connection in system.connections] == [1]


async def test_a_way_by_a_kept_address_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call asks for the address, the second one goes by it over a new connection."""

    async def resolve(_: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        place = {"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0}
        return [{**place, "flags": socket.AI_NUMERICHOST}]

    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", resolve)
    closing = http(ANSWER, headers="Connection: close\r\n")
    ways = [Way(), Way()]
    async with (
        a_raw_booking_system(says(closing)) as system,
        aiohttp.ClientSession(trace_configs=[noting_ways()]) as session,
    ):
        url = system.url.replace("127.0.0.1", "booking.example").format(contract="x")
        for way in ways:
            await post(session, url, b"<a/>", {}, limit=100_000, connect=5, deadline=5, way=way)
    assert [way.kept for way in ways] == [False, True]


async def test_look_ups_share_their_connections() -> None:
    """One call after the other goes over the same connection."""
    async with a_raw_booking_system(says(http(ANSWER))) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            for _ in range(3):
                await client.get_booking_details(FACILITY, "B-1", a_context())

    assert [connection.requests for connection in system.connections] == [3]


MISHAPS: list[tuple[str, Play, type[SchedulingFailure]]] = [
    ("HTML", says(http(b"<html><body>191212121212</body></html>")), Unreadable),
    ("nothing", says(http(b"")), Unreadable),
    ("a DTD", says(http(b"<!DOCTYPE x>" + ANSWER)), Unreadable),
    ("another element", says(http(OTHER)), Unreadable),
    ("two answers", says(http(TWO)), Unreadable),
    ("an empty Body", says(http(an_envelope(b""))), Unreadable),
    ("an answer with HTTP 500", says(http(ANSWER, status="500 Error")), Unreadable),
    ("a compressed answer", says(http(ANSWER, headers="Content-Encoding: gzip\r\n")), Unreadable),
    ("cut off", says_and_hangs_up(http(ANSWER[:-30], length=len(ANSWER))), Unreadable),
    ("not HTTP", says_and_hangs_up(b"HTTP/1.1 191212121212\r\n\r\n"), Unreadable),
    ("not HTTP at all", says_and_hangs_up(b"SSH-2.0-191212121212\r\n\r\n"), Unreadable),
    ("hung up", says_and_hangs_up(b""), ConnectionBroken),
    ("reset", resets, ConnectionBroken),
    ("too large", floods(LOOK_UP_LIMIT), Unreadable),
    ("HTML with HTTP 503", says(http(b"<html>191212121212</html>", status="503 Busy")), HttpFailure),
    ("a redirect", says(http(b"", status="307 Away", headers="Location: /elsewhere\r\n")), HttpFailure),
    ("a fault", says(http(a_fault("fel 191212121212"), status="500 Error")), ProducerFault),
    ("a platform fault", says(http(a_fault("VP009 191212121212"), status="500 Error")), PlatformFault),
]


@pytest.mark.parametrize(("play", "kind"), [row[1:] for row in MISHAPS], ids=[row[0] for row in MISHAPS])
async def test_each_mishap_is_a_failure_of_ours(play: Play, kind: type[SchedulingFailure]) -> None:
    """One request, one failure, and nothing of the answer in it or in what it came from."""
    async with a_raw_booking_system(play) as system:
        with pytest.raises(SchedulingFailure) as caught:
            await details(a_configuration(system.url))

    assert type(caught.value) is kind
    assert sum(connection.requests for connection in system.connections) == 1
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("play", [hangs, drips(http(ANSWER))], ids=["hanging", "dripping"])
@pytest.mark.parametrize("bound", ["configuration", "caller"])
async def test_the_deadline_holds_for_the_whole_call(play: Play, bound: str) -> None:
    """The wall clock counts, however steadily bytes come; the caller's time counts when it is shorter."""
    async with a_raw_booking_system(play) as system:
        quick = bound == "configuration"
        call = details(
            a_configuration(system.url, timeouts=QUICK if quick else ""), **({} if quick else {"timeout": 0.2})
        )
        with pytest.raises(TimedOut):
            await call


async def test_nobody_there_is_not_reached() -> None:
    """A refused connection proves that nothing was sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/{{contract}}"

        with pytest.raises(NotReached) as caught:
            await details(a_configuration(url))

    assert caught.value.sent is Sent.NO


async def test_retry_after_is_kept() -> None:
    """So that whoever tries again knows when."""
    busy = http(b"", status="503 Busy", headers="Retry-After: 7\r\n")
    async with a_raw_booking_system(says(busy)) as system:
        with pytest.raises(HttpFailure) as caught:
            await details(a_configuration(system.url))

    assert (caught.value.http_status, caught.value.retry_after) == (503, 7.0)


@pytest.mark.parametrize("code", ["VP004", "VP007"])
async def test_a_platform_fault_keeps_its_code(code: str) -> None:
    """VP004 = the contract is missing, VP007 = not offered to us."""
    async with a_raw_booking_system(says(http(a_fault(f"{code} [x] Fel"), status="500 Error"))) as system:
        with pytest.raises(PlatformFault) as caught:
            await details(a_configuration(system.url))

    assert (caught.value.vp_code, caught.value.sent) == (code, Sent.NO)


@pytest.mark.parametrize(
    "fault",
    [
        b"<faultstring>Fel</faultstring><detail><faultstring>VP004 hos nagon annan</faultstring></detail>",
        b"<faultstring>VP099 en kod som ingen vet</faultstring>",
        b"<faultstring>Svar fran VP004</faultstring>",
    ],
    ids=["in the detail", "unknown", "not first"],
)
async def test_a_code_that_is_not_the_platforms_own_proves_nothing(fault: bytes) -> None:
    """What a booking system was told by others doesn't say that we weren't heard."""
    body = an_envelope(b'<s:Fault xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">' + fault + b"</s:Fault>")
    async with a_raw_booking_system(says(http(body, status="500 Error"))) as system:
        with pytest.raises(ProducerFault) as caught:
            await details(a_configuration(system.url))

    assert caught.value.sent is Sent.UNKNOWN


async def test_a_large_answer_is_read_like_a_small_one() -> None:
    """Hundreds of timeslots, read off the loop."""
    one = (
        "<r:timeslotDetail><c:startTimeInclusive>20260120100000</c:startTimeInclusive>"
        "<c:endTimeExclusive>20260120102000</c:endTimeExclusive></r:timeslotDetail>"
    )
    body = an_envelope(an_answer(Interaction.GET_AVAILABLE_TIMESLOTS, one * 1000))
    async with a_raw_booking_system(says(http(body))) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            found = await client.get_available_timeslots(FACILITY, a_subject(), a_window(), some_filters(), a_context())

    assert len(found) == 1000


async def test_an_entry_that_cannot_be_read_costs_only_itself_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The booking system's fault is named by number and kind, never by content."""
    entries = "".join(
        f"<r:performerAvailabilityByDate><r:date>{day}</r:date></r:performerAvailabilityByDate>"
        for day in ("20260120", "20260231", f"i{SECRET}")
    )
    body = an_envelope(an_answer(Interaction.GET_AVAILABLE_DATES, entries))
    async with a_raw_booking_system(says(http(body))) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            with caplog.at_level(logging.WARNING):
                found = await client.get_available_dates(FACILITY, a_subject(), a_window(), some_filters(), a_context())

    assert [one.date.isoformat() for one in found] == ["2026-01-20"]
    assert caplog.messages == ["north: 2 entries of GetAvailableDates could not be read and are left out"]


@pytest.mark.parametrize(("length", "told"), [(100, []), (101, [LONG_NAME])])
async def test_a_time_types_name_that_is_too_long_is_logged(
    length: int, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Over 100 characters: the booking system's fault, told by its name, and the answer is read all the same."""
    detail = f"<r:timeslotDetail><c:timeTypeName>{'n' * length}</c:timeTypeName></r:timeslotDetail>"
    body = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, detail))
    async with a_raw_booking_system(says(http(body))) as system:
        with caplog.at_level(logging.WARNING):
            booking = await details(a_configuration(system.url))

    assert booking is not None
    assert booking.time_type_name == "n" * length
    assert caplog.messages == told


async def test_each_call_is_told_with_its_outcome() -> None:
    """For metrics: the system, the interaction, and how it ended."""
    calls: list[Call] = []
    async with a_raw_booking_system(says(http(a_fault("VP009 x"), status="500 Error"))) as system:
        async with SchedulingClient(a_configuration(system.url), on_call=calls.append) as client:
            with pytest.raises(PlatformFault):
                await client.get_booking_details(FACILITY, "B-1", a_context())
            with pytest.raises(PlatformFault):
                await client.get_supported_service_contracts(FACILITY)

    assert [(call.producer, call.interaction, call.outcome) for call in calls] == [
        ("north", Interaction.GET_BOOKING_DETAILS, "VP009"),
        ("registry", Interaction.GET_SUPPORTED_SERVICE_CONTRACTS, "VP009"),
    ]


async def test_a_call_given_up_is_told_as_such() -> None:
    """It is nobody's failure, and its connection isn't used again."""
    calls: list[Call] = []
    async with a_raw_booking_system(hangs) as system:
        async with SchedulingClient(a_configuration(system.url), on_call=calls.append) as client:
            asking = asyncio.create_task(client.get_booking_details(FACILITY, "B-1", a_context()))
            connection = await system.connected()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait_for(connection.ended.wait(), 5)

    assert [call.outcome for call in calls] == ["cancelled"]


@pytest.mark.parametrize("facility", ["SE-UNKNOWN", "SE2321000016-TWO"], ids=["unknown", "two systems"])
async def test_a_facility_without_exactly_one_system_is_never_called(facility: str) -> None:
    """It is an error of ours, and no connection is opened."""
    async with a_raw_booking_system(says(http(ANSWER))) as system:
        with pytest.raises(LookupError):
            await details(a_configuration(system.url), facility)

    assert system.connections == []


async def test_the_registry_is_asked_at_its_own_address_without_an_actor() -> None:
    """LogicalAddress is the registry's; the consumer is us."""
    name = "urn:riv:crm:scheduling:UpdateBookingResponder:1"
    content = (
        "<r:serviceContractNamespace><x:ServiceContractNamespace xmlns:x='urn:riv:itintegration:registry:1'>"
        f"{name}</x:ServiceContractNamespace></r:serviceContractNamespace>"
    )
    body = an_envelope(an_answer(Interaction.GET_SUPPORTED_SERVICE_CONTRACTS, content))
    async with a_raw_booking_system(says(http(body))) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            found = await client.get_supported_service_contracts(FACILITY)

    envelope = etree.fromstring(system.connections[0].content)
    assert found == {Interaction.UPDATE_BOOKING}
    assert envelope.findtext(".//{*}LogicalAddress") == "SE165565594230-1000"
    assert envelope.findtext(".//{*}serviceConsumerHsaId") == CONSUMER
    assert envelope.find(".//{*}Actor") is None


async def test_a_ping_gives_the_systems_version() -> None:
    """It goes to the facility's own system."""
    body = an_envelope(an_answer(Interaction.PING_FOR_CONFIGURATION, "<r:version>4.2</r:version>"))
    async with a_raw_booking_system(says(http(body))) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            version = await client.ping_for_configuration(FACILITY)

    assert version == "4.2"
    assert system.connections[0].head.startswith("POST /PingForConfiguration/")


async def test_an_answer_about_another_booking_is_not_believed() -> None:
    """The booking that was asked for, or one that names none: another's is no answer."""
    another = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, DETAIL.replace("B-1", "B-2")))
    nameless = an_envelope(
        an_answer(Interaction.GET_BOOKING_DETAILS, DETAIL.replace("<c:bookingId>B-1</c:bookingId>", ""))
    )
    async with a_raw_booking_system(says(http(another))) as system:
        with pytest.raises(Unreadable):
            await details(a_configuration(system.url))
    async with a_raw_booking_system(says(http(nameless))) as system:
        assert await details(a_configuration(system.url)) is not None


async def test_what_is_of_another_facility_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """A day or a timeslot that names another facility than the one asked, however written, is never offered."""
    free = (
        "<c:startTimeInclusive>20260120100000</c:startTimeInclusive>"
        "<c:endTimeExclusive>20260120102000</c:endTimeExclusive>"
    )
    named = (f"<c:healthcare_facility>{one}</c:healthcare_facility>" for one in (FACILITY.lower(), OTHER_FACILITY))
    timeslots = "".join(f"<r:timeslotDetail>{free}{one}</r:timeslotDetail>" for one in ("", *named))
    days = "".join(
        "<r:performerAvailabilityByDate>"
        f"<r:healthcare_facility>{one}</r:healthcare_facility><r:date>{day}</r:date>"
        "</r:performerAvailabilityByDate>"
        for one, day in ((FACILITY, "20260120000000"), (OTHER_FACILITY, "20260121000000"))
    )
    answers = [
        http(an_envelope(an_answer(Interaction.GET_AVAILABLE_TIMESLOTS, timeslots))),
        http(an_envelope(an_answer(Interaction.GET_AVAILABLE_DATES, days))),
    ]
    async with a_raw_booking_system(says(answers[0])) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            found = await client.get_available_timeslots(FACILITY, a_subject(), a_window(), some_filters(), a_context())
    assert [one.healthcare_facility for one in found] == [None, FACILITY.lower()]
    async with a_raw_booking_system(says(answers[1])) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            dates = await client.get_available_dates(FACILITY, a_subject(), a_window(), some_filters(), a_context())
    assert [one.date.day for one in dates] == [20]
    assert "north: 1 of GetAvailableTimeslots name another facility and are left out" in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """Wherever a booking system points, nothing goes there: addresses come from the configuration alone."""
    async with a_raw_booking_system(says(http(ANSWER))) as elsewhere:
        target = elsewhere.url.replace("{contract}", "GetBookingDetails")
        moved = http(b"", status=f"{status} Away", headers=f"Location: {target}\r\n")
        async with a_raw_booking_system(says(moved)) as system:
            with pytest.raises(HttpFailure):
                await details(a_configuration(system.url))
        assert not elsewhere.connections
