"""What goes over the wire, read from the booking systems' own record of their calls.

Each test is one rule of the flow: the windows, the filters, who is addressed, and what a patient is told of an answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.contract.schemas import documents
from tests.end_to_end.portal import Rebooking
from tests.end_to_end.stacks import (
    ALMBY,
    EKEBO,
    HAMNEN,
    LINDANGEN,
    PROVTAGNINGEN,
    Stack,
    check_all_valid,
    embedded,
)

BOOKING = "1HZ5-0100001"
SOAP_BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"


def fields(call: dict[str, Any]) -> dict[str, list[str]]:
    """Every text of a request's body by local name."""
    body = etree.fromstring(call["request"].encode()).find(SOAP_BODY)
    assert body is not None
    found: dict[str, list[str]] = {}
    for element in body.iter():
        if element.text and element.text.strip():
            found.setdefault(etree.QName(element).localname, []).append(element.text)
    return found


@asynccontextmanager
async def searching(
    folder: Path, *, facilities: tuple[str, ...] = (), patient: str = "saga", **options: Any
) -> AsyncIterator[tuple[Stack, Rebooking]]:
    """A rebooking whose first day's timeslots are shown."""
    async with embedded(folder, **options) as stack, stack.portal(patient) as portal:
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.go_to_days(*facilities)
            yield stack, rebooking


async def windows(stack: Stack) -> list[tuple[str, str]]:
    """The windows of days that were asked for, in order."""
    asked = [fields(call) for call in await stack.calls("GetAvailableDates")]
    return [(one["startDateInclusive"][0], one["endDateInclusive"][0]) for one in asked]


async def test_window_1_is_today_to_the_end_of_next_month(tmp_path: Path) -> None:
    """On 15 January the search is from 15 January to the last of February (source: the seed)."""
    async with searching(tmp_path) as (stack, _):
        assert await windows(stack) == [("20260115", "20260228")]


async def test_without_days_the_next_two_months_are_searched(tmp_path: Path) -> None:
    """None in window 1: one automatic search of 1 March to 30 April (source: the seed, its "31 april" mended)."""
    profile = {LINDANGEN: {"free_from": "2026-03-05"}}
    async with searching(tmp_path, profiles=profile) as (stack, rebooking):
        assert await windows(stack) == [("20260115", "20260228"), ("20260301", "20260430")]
        assert rebooking.data("days")["chosen"] >= "2026-03-05"


async def test_search_further_takes_the_month_after(tmp_path: Path) -> None:
    """After two windows without a day, "search further" asks for May alone."""
    profile = {LINDANGEN: {"free_from": "2026-05-04"}}
    async with embedded(tmp_path, profiles=profile) as stack, stack.portal("saga") as portal:
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.expect_all("booking.ready", "terms.ready")
            await rebooking.send("choose_facilities", facilities=[LINDANGEN])
            await rebooking.expect("days.empty")
            assert rebooking.data("days")["last_day"] == "2026-04-30"
            await rebooking.send("search_further")
            await rebooking.expect("timeslots.ready")
            assert (await windows(stack))[-1] == ("20260501", "20260531")
            assert rebooking.data("days")["chosen"].startswith("2026-05")


async def test_timeslots_are_asked_for_the_chosen_day_alone(tmp_path: Path) -> None:
    """Start = end = the first day with free timeslots, and the day that is chosen after."""
    async with searching(tmp_path) as (stack, rebooking):
        later = rebooking.data("days")["days"][3]["date"]
        await rebooking.send("choose_day", date=later)
        await rebooking.expect("timeslots.ready")
        asked = [fields(call) for call in await stack.calls("GetAvailableTimeslots")]
        first = rebooking.data("days")["days"][0]["date"].replace("-", "")
        assert [one["startDateInclusive"][0] for one in asked] == [first, later.replace("-", "")]
        assert all(one["startDateInclusive"] == one["endDateInclusive"] for one in asked)


async def test_the_original_booking_id_always_goes_along(tmp_path: Path) -> None:
    """Every search and the update carry the original's bookingId, also at another facility."""
    async with searching(tmp_path, facilities=(ALMBY, HAMNEN)) as (stack, rebooking):
        await rebooking.go_to_summary()
        assert (await rebooking.confirm())["state"] == "confirmed"
        for contract in ("GetAvailableDates", "GetAvailableTimeslots", "UpdateBooking", "GetAllHealthcareFacilities"):
            for call in await stack.calls(contract):
                assert fields(call)["bookingId"] == [BOOKING], contract


async def test_each_call_is_addressed_to_whom_the_flow_says(tmp_path: Path) -> None:
    """Original: the list of booked times, details and the facilities. Chosen: people, days, timeslots, the update."""
    async with searching(tmp_path, facilities=(ALMBY,)) as (stack, rebooking):
        await rebooking.expect_all("performers.ready")
        await rebooking.portal.bookings(facility=LINDANGEN)
        assert [call["logical_address"] for call in await stack.calls("GetSubjectOfCareSchedule")] == [LINDANGEN]
        await rebooking.go_to_summary()
        await rebooking.confirm()
        addressed: dict[str, set[str]] = {}
        for call in await stack.calls():
            assert call["logical_address"] == call["facility"] or call["contract"] == "GetSupportedServiceContracts"
            addressed.setdefault(call["contract"], set()).add(call["logical_address"])
        assert addressed["GetBookingDetails"] == {LINDANGEN}
        assert addressed["GetAllHealthcareFacilities"] == {LINDANGEN}
        for contract in ("GetAllPerformers", "GetAvailableDates", "GetAvailableTimeslots", "UpdateBooking"):
            assert addressed[contract] == {ALMBY}, contract


async def test_performers_are_asked_by_the_bookings_time_type(tmp_path: Path) -> None:
    """GetAllPerformers gets timeTypeIDs; the search gets the name and the id."""
    async with searching(tmp_path) as (stack, rebooking):
        await rebooking.expect_all("performers.ready")
        booking = rebooking.data("booking")
        (asked,) = await stack.calls("GetAllPerformers")
        assert fields(asked)["timeTypeIDs"] == [booking["time_type_id"]]
        (search,) = await stack.calls("GetAvailableDates")
        assert fields(search)["timeTypeID"] == [booking["time_type_id"]]
        assert fields(search)["timeTypeName"] == [booking["time_type_name"]]


@pytest.mark.parametrize("supported", [True, False])
async def test_care_types_go_only_to_a_facility_that_supports_them(tmp_path: Path, supported: bool) -> None:
    """CareTypeID is sent only where GetAllCareTypes is supported (source: the seed)."""
    profile = {LINDANGEN: {"also": ["GetAllCareTypes"]}} if supported else {}
    async with searching(tmp_path, profiles=profile) as (stack, rebooking):
        await rebooking.expect_all("performers.ready", "days.ready")
        booking = rebooking.data("booking")
        for contract in ("GetAvailableDates", "GetAvailableTimeslots"):
            (search,) = await stack.calls(contract)
            sent = fields(search)
            expected = ([booking["care_type_id"]], [booking["care_type_name"]]) if supported else (None, None)
            assert (sent.get("careTypeID"), sent.get("careTypeName")) == expected, contract
        (people,) = await stack.calls("GetAllPerformers")
        assert "careTypeIDs" not in fields(people)


async def test_a_chosen_performer_narrows_the_search(tmp_path: Path) -> None:
    """Choosing a person searches again from window 1 with them alone, at the facilities that have them."""
    async with searching(tmp_path, facilities=(LINDANGEN, ALMBY)) as (stack, rebooking):
        await rebooking.expect_all("performers.ready", "days.ready")
        person = next(one for one in rebooking.data("performers") if one["facilities"] == [LINDANGEN])
        before = len(await stack.calls("GetAvailableDates"))
        await rebooking.send("choose_performer", performer=person["performer"])
        await rebooking.expect("timeslots.ready")
        (search,) = (await stack.calls("GetAvailableDates"))[before:]
        assert fields(search)["performer"] == [person["performer"]]
        assert search["facility"] == LINDANGEN
        assert fields(search)["startDateInclusive"] == ["20260115"]


async def test_ok_with_a_text_shows_none(tmp_path: Path) -> None:
    """OK is confirmed without a text, though the booking system sent one (source: the seed)."""
    profile = {LINDANGEN: {"quirks": {"ok_text": "UPDATED"}}}
    async with searching(tmp_path, profiles=profile) as (_, rebooking):
        await rebooking.go_to_summary()
        outcome = await rebooking.confirm()
        assert outcome["state"] == "confirmed"
        assert outcome["result_text"] is None
        assert outcome["notice"] is None


async def test_info_shows_its_text(tmp_path: Path) -> None:
    """INFO is confirmed, and its text must be shown under Information (source: the seed)."""
    async with searching(tmp_path) as (stack, rebooking):
        await stack.mishap("UpdateBooking", kind="info", text="Kom fastande.")
        await rebooking.go_to_summary()
        outcome = await rebooking.confirm()
        assert (outcome["state"], outcome["notice"]) == ("confirmed", "Kom fastande.")
        assert {"key": "information", "text": "Kom fastande."}.items() <= outcome["summary"]["rows"][-1].items()


@pytest.mark.parametrize("text", ["Tiden har blivit upptagen av annan patient/invånare.", None])
async def test_error_is_rejected_with_its_text_when_there_is_one(tmp_path: Path, text: str | None) -> None:
    """ERROR is verified, then told as rejected with the booking system's words, and the phone."""
    async with searching(tmp_path) as (stack, rebooking):
        await stack.mishap("UpdateBooking", kind="taken", text=text, times=1)
        await rebooking.go_to_summary()
        outcome = await rebooking.confirm()
        assert (outcome["state"], outcome["result_text"]) == ("rejected", text)
        assert outcome["phone"] == "08-465 004 11"


async def test_after_a_rejection_another_time_is_one_step_away(tmp_path: Path) -> None:
    """The same rebooking goes on: comment and phone are kept, and the next confirm succeeds."""
    async with searching(tmp_path) as (stack, rebooking):
        await stack.mishap("UpdateBooking", kind="taken", times=1)
        first = await rebooking.go_to_summary(comment="Jag är bortrest")
        assert (await rebooking.confirm())["state"] == "rejected"
        await rebooking.send("choose_day", date=rebooking.data("days")["days"][1]["date"])
        await rebooking.expect("timeslots.ready")
        assert rebooking.outcome is None
        other = next(one for one in rebooking.free() if one["timeslot_id"] != first["timeslot_id"])
        await rebooking.send("choose_timeslot", timeslot_id=other["timeslot_id"])
        await rebooking.expect("details.ready")
        assert rebooking.data("details")["comment"] == "Jag är bortrest"
        assert (await rebooking.confirm())["state"] == "confirmed"


async def test_nothing_is_called_between_choosing_a_timeslot_and_confirming(tmp_path: Path) -> None:
    """Details and summary are made of what is there already (source: the seed)."""
    async with searching(tmp_path) as (stack, rebooking):
        await rebooking.expect_all("performers.ready", "days.ready")
        before = len(await stack.calls())
        await rebooking.go_to_summary()
        await rebooking.snapshot()
        assert len(await stack.calls()) == before


async def test_our_catalogues_name_is_shown_though_the_answer_has_another(tmp_path: Path) -> None:
    """The facility's name comes from the catalogue, never from healthcare_facility_name (source: the seed)."""
    async with searching(tmp_path) as (stack, rebooking):
        for contract in ("GetBookingDetails", "GetAllHealthcareFacilities", "GetAvailableTimeslots"):
            (asked,) = await stack.calls(contract)
            assert "VÅRDCENTRALEN LINDÄNGEN" in await stack.ask_again(asked), contract
        await rebooking.go_to_summary()
        await rebooking.confirm()
        shown = str(rebooking.sections) + str(rebooking.outcome) + str(await rebooking.portal.bookings())
        assert "Vårdcentralen Lindängen" in shown
        assert "VÅRDCENTRALEN LINDÄNGEN" not in shown


async def test_the_update_echoes_the_timeslot_and_says_who_comes(tmp_path: Path) -> None:
    """Value for value as read, with our subject, reason, names and phone; no flags (source: the flow, decision 4)."""
    async with searching(tmp_path) as (stack, rebooking):
        chosen = await rebooking.go_to_summary(comment="Ont i knät: 2 veckor", phone="070-1")
        await rebooking.confirm()
        (update,) = await stack.calls("UpdateBooking")
        sent = fields(update)
        assert sent["startTimeInclusive"] == ["".join(char for char in chosen["start"] if char.isdigit())]
        assert sent["subject_of_care"] == ["198706222380"]
        assert sent["reason"] == ["Ont i knät: 2 veckor"]
        assert (sent["firstName"], sent["lastName"], sent["phone"]) == (["Saga"], ["Ekström"], ["070-1"])
        assert not {"cancel_booking_allowed", "rebooking_allowed", "message_allowed", "isInvitation"} & sent.keys()


async def test_a_comment_that_is_not_allowed_never_goes_on_the_wire(tmp_path: Path) -> None:
    """message_allowed false: a posted comment is dropped, and the update has no reason."""
    async with searching(tmp_path, facilities=(ALMBY,)) as (stack, rebooking):
        timeslot = rebooking.free()[0]
        await rebooking.send("choose_timeslot", timeslot_id=timeslot["timeslot_id"])
        await rebooking.expect("details.ready")
        await rebooking.send("give_details", comment="Det här får inte med", phone=None)
        await rebooking.expect("details.ready")
        assert rebooking.data("details")["comment"] is None
        await rebooking.confirm()
        (update,) = await stack.calls("UpdateBooking")
        assert "reason" not in fields(update)


async def test_every_update_has_a_connection_of_its_own(tmp_path: Path) -> None:
    """A reset on a reused connection would be ambiguous, so none is reused."""
    async with searching(tmp_path) as (stack, rebooking):
        await rebooking.go_to_summary()
        await rebooking.confirm()
        (update,) = await stack.calls("UpdateBooking")
        others = {call["connection"] for call in await stack.calls() if call["n"] != update["n"]}
        assert update["connection"] not in others


@pytest.mark.parametrize(
    ("patient", "facility", "booking_id"),
    [("tolvan", HAMNEN, "3MF2-0100014"), ("saga", PROVTAGNINGEN, "4TR9-0100002"), ("mehmet", EKEBO, "5PQ3-0100012")],
)
async def test_vendors_habits_are_understood(tmp_path: Path, patient: str, facility: str, booking_id: str) -> None:
    """Lower-case ids, twelve-digit times, empty elements, a new id: the booking is moved all the same."""
    async with embedded(tmp_path) as stack, stack.portal(patient) as portal:
        async with await portal.rebook(facility, booking_id) as rebooking:
            await rebooking.go_to_days(facility)
            timeslot = await rebooking.go_to_summary()
            assert (await rebooking.confirm())["state"] == "confirmed"
        (moved,) = (await portal.bookings(facility=facility))["bookings"]
        assert moved["start"] == timeslot["start"]


async def test_a_system_with_every_other_habit_is_understood(tmp_path: Path) -> None:
    """The text null, elements out of order, `performer` spelt right, capitals, times that have been: all at once."""
    habits = {"null_texts": True, "wrong_order": True, "performer_corrected": True, "past_timeslots": True}
    habits |= {"hsa_ids": "upper", "invitation_in_core": True}
    async with searching(tmp_path, profiles={LINDANGEN: {"quirks": habits}}) as (stack, rebooking):
        await rebooking.expect_all("performers.ready", "days.ready")
        assert rebooking.data("performers")
        assert "null" not in str(rebooking.data("timeslots")).lower()
        assert rebooking.data("days")["days"][0]["date"] >= "2026-01-15"
        timeslot = await rebooking.go_to_summary()
        assert (await rebooking.confirm())["state"] == "confirmed"
        (update,) = await stack.calls("UpdateBooking")
        assert ">null<" not in update["request"]
        (moved,) = (await rebooking.portal.bookings(facility=LINDANGEN))["bookings"]
        assert moved["start"] == timeslot["start"]


async def test_every_request_is_valid_against_the_schemas(tmp_path: Path) -> None:
    """Each interaction is sent in one journey; ours and the official documents, where they are, find all of it valid.

    Every other test here looks at its own calls in the same way when its system ends.
    """
    async with searching(tmp_path, facilities=(LINDANGEN, ALMBY, HAMNEN)) as (stack, rebooking):
        await rebooking.expect_all("performers.ready", "days.ready")
        await rebooking.portal.bookings(facility=LINDANGEN)
        await rebooking.go_to_summary()
        await rebooking.confirm()
        calls = await stack.calls()
    assert {call["contract"] for call in calls} == set(documents.DOMAINS) - {"PingForConfiguration"}
    check_all_valid(calls)


def test_a_request_that_breaks_a_schema_is_found_out() -> None:
    """The check above can fail: on a header that is missing its actor, and on a body out of order."""
    actor = "<a:Actor xmlns:a='urn:riv:interoperability:headers:1'><a:actorId>191212121212</a:actorId>{}</a:Actor>"
    body = "<r:GetBookingDetails xmlns:r='urn:riv:crm:scheduling:GetBookingDetailsResponder:1'>{}</r:GetBookingDetails>"
    facility, booking = "<r:healthcare_facility>SE1</r:healthcare_facility>", "<r:bookingId>B</r:bookingId>"
    kind = "<a:actorType>subject_of_care</a:actorType>"
    envelope = (
        f"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header>{actor}</e:Header><e:Body>{body}"
    )

    def call(of_actor: str, of_body: str) -> dict[str, Any]:
        request = envelope.format(of_actor, of_body) + "</e:Body></e:Envelope>"
        return {"contract": "GetBookingDetails", "valid": True, "request": request}

    check_all_valid([call(kind, facility + booking)])
    for wrong in (call("", facility + booking), call(kind, booking + facility)):
        with pytest.raises(AssertionError):
            check_all_valid([wrong])
