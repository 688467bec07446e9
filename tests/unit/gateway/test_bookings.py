"""The list of booked times: what has come, from whom, what became of each, and who didn't answer."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from services.gateway.bookings import LOG_SECONDS
from shared.contracts.commands import LookUpBookings
from shared.contracts.events import EventName
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import BookingData, BookingsData, OutcomeState, Section, SectionName, State
from shared.presentation.yellow_box import yellow_box
from tests.builders.gateway import (
    ANOTHER_SUBJECT,
    NO_UPDATE,
    OTHER,
    OWN,
    TWO_SYSTEMS,
    Gateway,
    a_booking,
    a_gateway,
    a_token,
)


def a_source(facility: str, state: str = "ready", **more: Any) -> dict[str, Any]:
    """How a facility answered."""
    return {"facility": facility, "facility_name": facility, "state": state, "source_status": "DataFromSource", **more}


def listed(booking_id: str, start: str) -> dict[str, Any]:
    """A booking as the worker lists it."""
    booking = a_booking(start=start)
    data = BookingData.of(
        booking,
        booking_id=booking_id,
        facility=OWN,
        facility_name="Lindängen",
        facility_phone="08-1",
        summary=yellow_box(booking, facility=None, language="sv"),
    )
    return {**data.model_dump(mode="json"), "can_rebook": True}


async def asked(gateway: Gateway, query: dict[str, str]) -> tuple[asyncio.Task[Any], LookUpBookings]:
    """Ask for the list; gives the request under way and the message that it published."""
    before = len(gateway.publisher.messages)
    request = asyncio.create_task(gateway.get("/v1/bookings", **query))
    while len(gateway.publisher.messages) == before:  # noqa: ASYNC110 - the fake publisher tells nobody
        await asyncio.sleep(0)
    message = gateway.last_look_up
    assert isinstance(message, LookUpBookings)
    return request, message


async def tell(gateway: Gateway, message: LookUpBookings, state: State, *bookings: Any, sources: list[Any]) -> None:
    """Play the worker."""
    data = BookingsData(bookings=tuple(bookings), sources=tuple(sources))
    name = EventName.BOOKINGS_READY if state is State.READY else EventName.BOOKINGS_PARTIAL
    await gateway.tell(SectionName.BOOKING, Section(state=state, data=data), to=message, name=name)


async def test_the_list_comes_when_everybody_has_answered():
    """Sorted by start time, each with what became of its last rebooking; asked at every facility with one system."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, OutcomeState.UNKNOWN, n=2)
        request, message = await asked(gateway, {"wait": "25"})
        assert TWO_SYSTEMS not in message.facilities
        assert NO_UPDATE not in message.facilities  # its list of contracts has no GetSubjectOfCareSchedule
        assert {OWN, OTHER} <= set(message.facilities)
        assert message.everywhere
        later, sooner = listed("B1", "20260120100000"), listed("B2", "20260118100000")
        await tell(gateway, message, State.PARTIAL, later, sources=[a_source(OWN), a_source(OTHER, "loading")])
        await tell(gateway, message, State.READY, later, sooner, sources=[a_source(OWN), a_source(OTHER)])
        answer = await request
        body = await answer.json()
        assert answer.status == 200
        assert [one["booking_id"] for one in body["bookings"]] == ["B2", "B1"]
        assert body["bookings"][0]["rebooking"] is None
        assert body["bookings"][1]["rebooking"]["id"] == rebooking_id
        assert body["bookings"][1]["rebooking"]["outcome"]["state"] == "unknown"
        assert [one["state"] for one in body["sources"]] == ["ready", "ready"]


async def test_what_has_come_in_time_is_shown():
    """After `wait` the list is what came by then; who hasn't answered is `loading`, and fails nobody."""
    async with a_gateway() as gateway:
        request, message = await asked(gateway, {"wait": "0"})
        body = await (await request).json()
        assert body["bookings"] == []
        assert {one["facility"]: one["state"] for one in body["sources"]} == dict.fromkeys(
            message.facilities, "loading"
        )


async def test_a_facility_that_fails_does_not_fail_the_list():
    """Its source says so; the others' bookings are there."""
    async with a_gateway() as gateway:
        request, message = await asked(gateway, {"wait": "25"})
        problem = Problem(type=ProblemType.FACILITY_UNAVAILABLE).public("sv")
        sources = [a_source(OWN), a_source(OTHER, "failed", problem=problem)]
        await tell(gateway, message, State.READY, listed("B1", "20260120100000"), sources=sources)
        answer = await request
        assert (answer.status, len((await answer.json())["bookings"])) == (200, 1)


@pytest.mark.parametrize("by_source", [True, False])
async def test_the_only_one_asked_failing_is_facility_unavailable(by_source: bool) -> None:
    """One facility asked, and it couldn't answer: 503 with its phone."""
    async with a_gateway() as gateway:
        request, message = await asked(gateway, {"facility": OWN.lower(), "wait": "25"})
        assert (message.facilities, message.everywhere) == ((OWN,), False)
        problem = Problem(type=ProblemType.FACILITY_UNAVAILABLE, retry_after=30).public("sv")
        if by_source:
            await tell(gateway, message, State.READY, sources=[a_source(OWN, "failed", problem=problem)])
        else:
            await gateway.tell(SectionName.BOOKING, Section(state=State.FAILED, problem=problem), to=message)
        answer = await request
        body = await answer.json()
        assert (answer.status, body["type"]) == (503, "urn:omboka:problem:facility-unavailable")
        assert (body["facility_phone"], body["retry_after"]) == ("08-1", 30)


@pytest.mark.parametrize(
    ("facility", "reason"),
    [("SE0000000000-NONE", "not_in_catalogue"), (TWO_SYSTEMS, "several_systems"), (NO_UPDATE, "contract_missing")],
)
async def test_a_facility_that_cannot_be_asked(facility: str, reason: str) -> None:
    """What the gateway knows itself it says at once."""
    async with a_gateway() as gateway:
        answer = await gateway.get("/v1/bookings", facility=facility)
        assert (answer.status, (await answer.json())["reason"]) == (409, reason)


async def test_without_ledger_or_broker():
    """Without the ledger the list is shown without rebookings; without the broker there is none: 503."""
    async with a_gateway() as gateway:
        request, message = await asked(gateway, {"facility": OWN, "wait": "25"})
        gateway.ledger.broken = True
        await tell(gateway, message, State.READY, listed("B1", "20260120100000"), sources=[a_source(OWN)])
        body = await (await request).json()
        assert body["bookings"][0]["rebooking"] is None
        gateway.publisher.broken = True
        assert (await gateway.get("/v1/bookings")).status == 503


async def test_nobody_else_reads_the_list_of_it_and_it_is_soon_gone():
    """The list's log can't be read as a rebooking by another patient, and is forgotten after a minute."""
    async with a_gateway() as gateway:
        request, message = await asked(gateway, {"wait": "0"})
        await request
        answer = await gateway.get(f"/v1/rebookings/{message.rebooking_id}", token=a_token(ANOTHER_SUBJECT))
        assert answer.status == 404
        gateway.clock.move(LOG_SECONDS + 1)
        assert await gateway.events.read(message.rebooking_id) is None
        assert message.today == dt.date(2026, 1, 15)
