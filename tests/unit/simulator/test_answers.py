"""The answers on the wire: valid against the schema where the facility is strict, quirky where it is told to be."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from services.simulator.contracts import schema_faults
from services.simulator.stories import DOCBOOK_PURPOSE
from tests.builders.simulator import (
    CONSUMER,
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
    an_update_body,
    content_of,
)


def bodies(simulator: SimulatorUnderTest) -> dict[str, etree._Element]:
    """A right request to each interaction, about the ordinary booking."""
    world = simulator.world
    booking = a_booking(world)
    timeslot = world.timeslots(a_search(world, booking), NOW)[0]
    here = ("healthcare_facility", HOME)
    subject = ("subject_of_care", booking.subject)
    identity = ("bookingId", booking.id)
    return {
        "GetSubjectOfCareSchedule": a_body("GetSubjectOfCareSchedule", here, subject),
        "GetBookingDetails": a_body("GetBookingDetails", here, identity),
        "GetAllHealthcareFacilities": a_body("GetAllHealthcareFacilities", here, subject, identity),
        "GetAllPerformers": a_body("GetAllPerformers", here, ("timeTypeIDs", "LAK20"), subject),
        "GetAvailableDates": a_search_body("GetAvailableDates", booking),
        "GetAvailableTimeslots": a_search_body("GetAvailableTimeslots", booking),
        "UpdateBooking": an_update_body(booking, timeslot, reason="Jag är bortrest", phone="070-174 06 05"),
        "PingForConfiguration": a_body(
            "PingForConfiguration", ("serviceContractNamespace", "urn:riv:x"), ("logicalAddress", HOME)
        ),
        "GetSupportedServiceContracts": a_body(
            "GetSupportedServiceContracts", ("serviceConsumerHsaId", CONSUMER), ("logicalAdress", HOME)
        ),
    }


CONTRACTS = (
    "GetSubjectOfCareSchedule",
    "GetBookingDetails",
    "GetAllHealthcareFacilities",
    "GetAllPerformers",
    "GetAvailableDates",
    "GetAvailableTimeslots",
    "UpdateBooking",
    "PingForConfiguration",
    "GetSupportedServiceContracts",
)


def texts(content: etree._Element, name: str, namespace: str = "*") -> list[str | None]:
    """The texts of all elements of a name."""
    return [element.text for element in content.iter(f"{{{namespace}}}{name}")]


async def ask(contract: str, **quirks: Any) -> etree._Element:
    """The answer of a facility with these quirks to the right request."""
    async with a_simulator(a_simulator_configuration({HOME: {"quirks": quirks}})) as simulator:
        status, answer = await simulator.send(bodies(simulator)[contract])
        assert status == 200
        return content_of(answer)


@pytest.mark.parametrize("contract", CONTRACTS)
async def test_a_strict_answer_is_valid_and_so_was_the_request(contract: str) -> None:
    """Every interaction's answer has the right element, is valid, and holds something; the call is recorded valid."""
    async with a_simulator() as simulator:
        # Given
        body = bodies(simulator)[contract]
        # When
        status, answer = await simulator.send(body)
        # Then
        content = content_of(answer)
        assert (status, etree.QName(content).localname) == (200, f"{contract}Response")
        assert schema_faults(content) == []
        assert len(content) > 0
        calls = await simulator.calls()
        assert [(call["valid"], call["faults"], call["status"]) for call in calls] == [(True, [], 200)]


@pytest.mark.parametrize(
    "quirks",
    [
        {"free_not_rebookable": True},
        {"free_echoes_request": True},
        {"flags_missing": True},
        {"hsa_ids": "lower"},
        {"past_timeslots": True},
    ],
)
@pytest.mark.parametrize("contract", ["GetBookingDetails", "GetAvailableTimeslots"])
async def test_quirks_within_the_schema_stay_valid(contract: str, quirks: dict[str, Any]) -> None:
    """What the contracts leave open is valid however it is chosen."""
    assert schema_faults(await ask(contract, **quirks)) == []


async def test_docbook_is_entity_encoded_in_the_purpose() -> None:
    """The purpose decodes once to DocBook with its own XML declaration."""
    async with a_simulator() as simulator:
        booking = a_booking(simulator.world, "docbook-invitation")
        body = a_body("GetBookingDetails", ("healthcare_facility", HOME), ("bookingId", booking.id))
        _, answer = await simulator.send(body)
        assert texts(content_of(answer), "purpose") == [DOCBOOK_PURPOSE]
        assert b"&lt;?xml" in answer


async def test_an_open_invitation_has_no_times_and_is_not_in_the_schedule() -> None:
    """GetBookingDetails alone shows an open invitation, without start and end (contract description 3.5)."""
    async with a_simulator() as simulator:
        booking = a_booking(simulator.world, "open-invitation")
        here = ("healthcare_facility", HOME)
        _, details = await simulator.send(a_body("GetBookingDetails", here, ("bookingId", booking.id)))
        _, schedule = await simulator.send(
            a_body("GetSubjectOfCareSchedule", here, ("subject_of_care", booking.subject))
        )
        assert texts(content_of(details), "isInvitation", EXTENSION) == ["true"]
        assert texts(content_of(details), "startTimeInclusive") == []
        assert len(content_of(schedule)) == 0


async def test_an_unknown_booking_has_no_timeslot_detail() -> None:
    """GetBookingDetails of an unknown booking answers without timeslotDetail."""
    async with a_simulator() as simulator:
        body = a_body("GetBookingDetails", ("healthcare_facility", HOME), ("bookingId", "NONE"))
        status, answer = await simulator.send(body)
        assert (status, len(content_of(answer))) == (200, 0)


async def test_an_unknown_booking_may_be_a_fault() -> None:
    """A facility may say it with a SOAP fault instead."""
    configuration = a_simulator_configuration({HOME: {"unknown_booking": "fault"}})
    async with a_simulator(configuration) as simulator:
        body = a_body("GetBookingDetails", ("healthcare_facility", HOME), ("bookingId", "NONE"))
        status, answer = await simulator.send(body)
        assert (status, etree.QName(content_of(answer)).localname) == (500, "Fault")


@pytest.mark.parametrize("contract", ["GetBookingDetails", "GetSubjectOfCareSchedule"])
async def test_short_times_have_twelve_digits(contract: str) -> None:
    """`short_times`: bookings' times lack their seconds."""
    starts = texts(await ask(contract, short_times=True), "startTimeInclusive")
    assert starts
    assert all(start and len(start) == 12 for start in starts)


async def test_empty_elements_stand_for_absent_ones() -> None:
    """`empty_elements`: a field without a value is there without text."""
    content = await ask("GetBookingDetails", empty_elements=True)
    assert texts(content, "purpose") == [None]


async def test_null_texts_stand_for_absent_ones() -> None:
    """`null_texts`: a field without a value has the text null."""
    assert texts(await ask("GetBookingDetails", null_texts=True), "purpose") == ["null"]


async def test_is_invitation_may_be_in_the_core_namespace() -> None:
    """`invitation_in_core`: isInvitation is where the release candidate had it."""
    content = await ask("GetBookingDetails", invitation_in_core=True)
    assert texts(content, "isInvitation", CORE) == ["false"]
    assert schema_faults(content)


async def test_elements_may_come_in_another_order() -> None:
    """`wrong_order`: the same elements, but not in the schema's order."""
    right, wrong = await ask("GetBookingDetails"), await ask("GetBookingDetails", wrong_order=True)
    assert [e.tag for e in right[0]] == [e.tag for e in reversed(wrong[0])]
    assert schema_faults(wrong)


async def test_free_timeslots_may_say_that_they_are_not_rebookable() -> None:
    """`free_not_rebookable`: which decides nothing, since the booked time does."""
    content = await ask("GetAvailableTimeslots", free_not_rebookable=True)
    assert set(texts(content, "rebooking_allowed")) == {"false"}


async def test_performers_may_be_spelt_right() -> None:
    """`performer_corrected`: the element has the name that it ought to have had."""
    content = await ask("GetAllPerformers", performer_corrected=True)
    assert texts(content, "performer")
    assert not texts(content, "perfomer")


async def test_ok_may_come_with_a_text() -> None:
    """`ok_text`: OK with a text that mustn't be shown."""
    content = await ask("UpdateBooking", ok_text="KLAR")
    assert (texts(content, "resultCode"), texts(content, "resultText")) == (["OK"], ["KLAR"])


async def test_a_facility_may_answer_info_to_every_rebooking() -> None:
    """`info`: INFO with the text, and the booking is moved."""
    configuration = a_simulator_configuration({HOME: {"info": "Kom fastande."}})
    async with a_simulator(configuration) as simulator:
        _, answer = await simulator.send(bodies(simulator)["UpdateBooking"])
        assert texts(content_of(answer), "resultCode") == ["INFO"]
        assert len(await simulator.journal()) == 1


async def test_the_registry_names_what_a_facility_supports() -> None:
    """All seven at a facility that lists others and has performers, in the catalogue's form."""
    names = texts(await ask("GetSupportedServiceContracts"), "ServiceContractNamespace")
    assert len(names) == 7
    assert "urn:riv:crm:scheduling:UpdateBookingResponder:1" in names


async def test_the_registry_may_name_them_as_the_official_sample_does() -> None:
    """`sample_contract_names`: without Responder."""
    content = await ask("GetSupportedServiceContracts", sample_contract_names=True)
    assert "urn:riv:crm:scheduling:UpdateBooking:1" in texts(content, "ServiceContractNamespace")


async def test_the_registry_says_nothing_to_strangers_nor_of_them() -> None:
    """Another consumer, or an unknown facility: an empty answer."""
    async with a_simulator() as simulator:
        for consumer, facility in (("SE0-X", HOME), (CONSUMER, "SE0-NOWHERE")):
            body = a_body(
                "GetSupportedServiceContracts", ("serviceConsumerHsaId", consumer), ("logicalAdress", facility)
            )
            _, answer = await simulator.send(body)
            assert len(content_of(answer)) == 0


async def test_a_contract_that_a_facility_lacks_ends_in_vp004() -> None:
    """`without`, another system's facility, and an unknown facility: the platform has no route."""
    configuration = a_simulator_configuration({HOME: {"without": ["GetAvailableDates"]}})
    async with a_simulator(configuration) as simulator:
        booking = a_booking(simulator.world)
        asked = [
            (a_search_body("GetAvailableDates", booking), HOME, "north"),
            (a_search_body("GetAvailableTimeslots", booking), HOME, "south"),
            (a_search_body("GetAvailableTimeslots", booking, "SE0-NOWHERE"), "SE0-NOWHERE", "north"),
        ]
        for body, facility, system in asked:
            status, answer = await simulator.send(body, facility=facility, system=system)
            assert status == 500
            assert (content_of(answer).findtext("faultstring") or "").startswith("VP004 [")


async def test_a_facility_without_people_lacks_get_all_performers() -> None:
    """A laboratory has rooms only, so that the registry doesn't name GetAllPerformers."""
    configuration = a_simulator_configuration({OTHER: {"kind": "laboratory"}})
    async with a_simulator(configuration) as simulator:
        body = a_body("GetSupportedServiceContracts", ("serviceConsumerHsaId", CONSUMER), ("logicalAdress", OTHER))
        _, answer = await simulator.send(body)
        names = texts(content_of(answer), "ServiceContractNamespace")
        assert "urn:riv:crm:scheduling:GetAllPerformersResponder:1" not in names
