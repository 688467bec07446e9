"""What goes over the wire, read from the booking systems' own record of their calls.

Each test is one rule of the flow: the windows, the filters, who is addressed, and what a patient is told of an answer.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.end_to_end.portal import Rebooking
from tests.end_to_end.stacks import ALMBY, EKEBO, HAMNEN, LINDANGEN, PROVTAGNINGEN, Stack, embedded

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
    """Original: details and the list of facilities. Chosen: people, days, timeslots and the update."""
    async with searching(tmp_path, facilities=(ALMBY,)) as (stack, rebooking):
        await rebooking.expect_all("performers.ready")
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
        (search,) = await stack.calls("GetAvailableDates")
        expected = [rebooking.data("booking")["care_type_id"]] if supported else None
        assert fields(search).get("careTypeID") == expected


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
    async with searching(tmp_path) as (_, rebooking):
        shown = str(rebooking.data("timeslots")) + str(rebooking.data("facilities")) + str(rebooking.data("booking"))
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


async def test_every_request_is_valid_against_the_schemas(tmp_path: Path) -> None:
    """Every request of a whole journey validates against our schemas, and the official ones where they are."""
    async with searching(tmp_path, facilities=(LINDANGEN, ALMBY, HAMNEN)) as (stack, rebooking):
        await rebooking.expect_all("performers.ready", "days.ready")
        await rebooking.go_to_summary()
        await rebooking.confirm()
        calls = [call for call in await stack.calls() if call["contract"] not in ("GetSupportedServiceContracts",)]
        assert {call["contract"] for call in calls} >= {"GetBookingDetails", "GetAvailableDates", "UpdateBooking"}
        for folder in schema_folders():
            for call in calls:
                validate(folder, call)


def schema_folders() -> Iterator[Path]:
    """Our own schemas, and the official ones where they are."""
    root = Path(__file__).parents[2]
    yield root / "shared" / "scheduling" / "wsdl" / "xsd"
    official = Path(os.environ.get("OMBOKA_RIVTA", root.parent / "shared" / "rivta"))
    if (official / "crm_scheduling_1.1").is_dir():
        yield official / "crm_scheduling_1.1" / "interactions"


def validate(folder: Path, call: dict[str, Any]) -> None:
    """Validate a request's body against the schema of its interaction in a folder."""
    contract = call["contract"]
    ours = folder / f"{contract}.xsd"
    file = ours if ours.is_file() else folder / f"{contract}Interaction" / f"{contract}Responder_1.1.xsd"
    schema = _schema(file)
    body = etree.fromstring(call["request"].encode()).find(SOAP_BODY)
    assert body is not None
    schema.assertValid(body[0])


class _Unanchored(etree.Resolver):
    """Gives the official core schema without the ^ and $ that XSD patterns take literally."""

    def resolve(self, url: str, public_id: str, context: Any) -> Any:
        """Mend the one pattern; everything else as it is."""
        text = Path(url.removeprefix("file://")).read_bytes()
        return self.resolve_string(
            text.replace(b'"^[0-9]', b'"[0-9]').replace(b'{3}$"', b'{3}"'), context, base_url=url
        )


def _schema(file: Path) -> etree.XMLSchema:
    parser = etree.XMLParser()
    parser.resolvers.add(_Unanchored())
    return etree.XMLSchema(etree.parse(str(file), parser))
