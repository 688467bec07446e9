"""Requests that break the contracts: each is answered with a fault, changes nothing, and is recorded as invalid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml import etree

from services.simulator.wire import read_call
from tests.builders.simulator import (
    CORE,
    EXTENSION,
    HOME,
    NOW,
    OTHER,
    SimulatorUnderTest,
    a_body,
    a_booking,
    a_search,
    a_search_body,
    a_simulator,
    a_simulator_configuration,
    a_world,
    an_envelope,
    an_update_body,
    content_of,
    http_headers,
)

DETAILS = "GetBookingDetails"


def details(*fields: tuple[str, str]) -> etree._Element:
    """A GetBookingDetails with these fields."""
    return a_body(DETAILS, *(fields or (("healthcare_facility", HOME), ("bookingId", "1"))))


def test_a_right_request_has_no_faults() -> None:
    """What the other tests vary is faultless to begin with."""
    call = read_call(an_envelope(details()), DETAILS, http_headers(DETAILS))
    assert (call.faults, call.facility, call.logical_address) == ((), HOME, HOME)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (details(("bookingId", "1"), ("healthcare_facility", HOME)), "bookingId"),
        (details(("healthcare_facility", HOME)), "Missing child element"),
        (details(("healthcare_facility", HOME), ("bookingId", "")), "must be left out"),
        (details(("healthcare_facility", OTHER), ("bookingId", "1")), "must be the same"),
    ],
)
def test_a_faulty_body_is_found_out(body: etree._Element, fault: str) -> None:
    """Wrong order, a missing element, an empty one, and another facility than the address: each is named."""
    call = read_call(an_envelope(body), DETAILS, http_headers(DETAILS))
    assert any(fault in one for one in call.faults), call.faults


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda text: text.replace(b"LogicalAddress", b"To"), "one LogicalAddress"),
        (lambda text: text.replace(b">" + HOME.encode() + b"<", b"> " + HOME.encode() + b"<", 1), "blanks"),
        (lambda text: text.replace(b"actorType", b"type"), "actorType"),
        (lambda text: text.replace(b":subject_of_care<", b":x<").replace(b">subject_of_care<", b">BAD<"), "actorType"),
        (lambda text: text.replace(b"soap/envelope/", b"soap/elope/"), "one GetBookingDetails"),
        (lambda text: text.replace(b"?>", b"?><!DOCTYPE x []>", 1), "DOCTYPE"),
        (lambda text: b"{}", "not XML"),
    ],
)
def test_a_faulty_envelope_is_found_out(spoil: Callable[[bytes], bytes], fault: str) -> None:
    """A missing address, blanks around it, a wrong Actor, another envelope, a DOCTYPE, no XML: each is named."""
    call = read_call(spoil(an_envelope(details())), DETAILS, http_headers(DETAILS))
    assert any(fault in one for one in call.faults), call.faults


def test_the_actor_is_mandatory_for_scheduling_and_absent_elsewhere() -> None:
    """crm:scheduling needs Actor; the supporting contracts don't have it (contract description 1.4)."""
    without = read_call(an_envelope(details(), actor=None), DETAILS, http_headers(DETAILS))
    ping = a_body("PingForConfiguration", ("serviceContractNamespace", "urn:x"), ("logicalAddress", HOME))
    pinged = read_call(an_envelope(ping, actor=None), "PingForConfiguration", http_headers("PingForConfiguration"))
    assert without.faults == ("the header must hold one Actor",)
    assert pinged.faults == ()


@pytest.mark.parametrize("header", ["Content-Type", "SOAPAction"])
def test_the_http_headers_must_be_right(header: str) -> None:
    """Content-Type text/xml and the contract's own SOAPAction."""
    headers = http_headers(DETAILS) | {header: "application/json"}
    call = read_call(an_envelope(details()), DETAILS, headers)
    assert any(header in one for one in call.faults)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"endDateInclusive": "20260318"}, "62 days"),
        ({"endDateInclusive": "20260114"}, "before"),
        ({"endDateInclusive": "20260231"}, "must be days"),
    ],
)
def test_a_search_window_is_checked(changes: dict[str, str], fault: str) -> None:
    """Sixty-three days, backwards, and a day that doesn't exist are refused; sixty-two days are allowed."""
    booking = a_booking(a_world())
    contract = "GetAvailableDates"
    allowed = a_search_body(contract, booking, endDateInclusive="20260317")
    refused = a_search_body(contract, booking, **changes)
    assert read_call(an_envelope(allowed), contract, http_headers(contract)).faults == ()
    assert any(fault in one for one in read_call(an_envelope(refused), contract, http_headers(contract)).faults)


def test_the_subject_of_a_search_is_in_its_own_namespace() -> None:
    """subject_of_care in the request's own namespace is a fault (contract description 0.1)."""
    booking = a_booking(a_world())
    text = an_envelope(a_search_body("GetAvailableDates", booking)).replace(b"Responder:1.1", b"Responder:1")
    call = read_call(text, "GetAvailableDates", http_headers("GetAvailableDates"))
    assert any("subject_of_care" in one for one in call.faults)


async def update_faults(simulator: SimulatorUnderTest, body: etree._Element) -> list[str]:
    """Send an UpdateBooking that is refused; gives the recorded faults."""
    status, answer = await simulator.send(body)
    assert (status, content_of(answer).findtext("faultcode")) == (500, "soapenv:Client")
    assert await simulator.journal() == []
    found: list[str] = (await simulator.calls())[0]["faults"]
    return found


@pytest.mark.parametrize("flag", ["cancel_booking_allowed", "rebooking_allowed", "message_allowed"])
async def test_an_update_with_a_flag_is_refused(flag: str) -> None:
    """The flags are left out of UpdateBooking (contract description 1.2)."""
    async with a_simulator() as simulator:
        booking = a_booking(simulator.world)
        body = an_update_body(booking, simulator.world.timeslots(a_search(simulator.world, booking), NOW)[0])
        etree.SubElement(body[0], f"{{{CORE}}}{flag}").text = "true"
        assert await update_faults(simulator, body) == [f"{flag}: must be left out of UpdateBooking"]


async def test_an_update_that_says_it_is_an_invitation_is_refused() -> None:
    """IsInvitation is left out of UpdateBooking too."""
    async with a_simulator() as simulator:
        booking = a_booking(simulator.world)
        body = an_update_body(booking, simulator.world.timeslots(a_search(simulator.world, booking), NOW)[0])
        etree.SubElement(body[0], f"{{{EXTENSION}}}isInvitation").text = "true"
        assert await update_faults(simulator, body) == ["isInvitation: must be left out of UpdateBooking"]


async def test_a_reason_where_none_is_asked_for_is_refused() -> None:
    """A reason goes with UpdateBooking only where message_allowed is true (contract description 3.5)."""
    configuration = a_simulator_configuration({HOME: {"message_allowed": False}})
    async with a_simulator(configuration) as simulator:
        booking = a_booking(simulator.world)
        timeslot = simulator.world.timeslots(a_search(simulator.world, booking), NOW)[0]
        faults = await update_faults(simulator, an_update_body(booking, timeslot, reason="Jag är bortrest"))
        assert faults == ["reason: must be left out where message_allowed isn't true"]


async def test_an_address_without_a_contract_is_a_fault() -> None:
    """A contract that doesn't exist is a fault, not an error of the server."""
    async with a_simulator() as simulator:
        async with simulator.client.post("/north/MakeTea/1/rivtabp21", data=b"<x/>") as response:
            assert response.status == 500
        assert (await simulator.calls())[0]["faults"] == ["there is no contract MakeTea"]
