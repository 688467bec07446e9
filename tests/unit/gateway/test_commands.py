"""Commands: what each asks of the workers, what it resets, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.commands import LookUpBooking, LookUpTimeslots, SearchDays, SearchFurtherDays
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import HiddenReason, OutcomeState, Section, SectionName, State
from shared.messaging.event_log import Appended, Stale
from tests.builders.gateway import (
    NO_UPDATE,
    NOT_REBOOKABLE,
    OTHER,
    OWN,
    TWO_SYSTEMS,
    Gateway,
    a_booking,
    a_gateway,
    a_timeslot,
    timeslot_id,
)


def slug(body: dict[str, Any]) -> str:
    """A problem's slug."""
    return str(body["type"]).rpartition(":")[2]


def fields(body: dict[str, Any]) -> list[str]:
    """The fields that can't be accepted."""
    return [error["field"] for error in body["errors"]]


def state(snapshot: dict[str, Any], *sections: str) -> list[str]:
    """The states of these sections."""
    return [snapshot["sections"][name]["state"] for name in sections]


async def test_beginning_starts_booking_facilities_and_terms():
    """The answer comes at once, with what is waited for; one look-up is published, as the patient, in no clear text."""
    async with a_gateway() as gateway:
        answer = await gateway.post("/v1/rebookings", {"facility": OWN.lower(), "booking_id": "B1", "language": "en"})
        body = await answer.json()
        assert answer.status == 201
        assert answer.headers["Location"] == f"/v1/rebookings/{body['id']}"
        assert (body["seq"], body["language"], body["subject_name"]) == (1, "en", "Tolvan Tolvansson")
        assert state(body, *SectionName) == ["loading"] * 3 + ["idle"] * 4
        (message,) = gateway.publisher.messages
        assert isinstance(message, LookUpBooking)
        assert (message.facility, message.basis, str(message.today)) == (OWN, 1, "2026-01-15")
        assert message.deadline == gateway.clock.now().timestamp() + 24  # twice 10 s reading and 2 s waiting
        assert "191212121212" not in message.model_dump_json()


@pytest.mark.parametrize(
    ("header", "language", "expected"),
    [(None, None, "sv"), ("en-GB,en;q=0.9", None, "en"), ("en;q=0.2, sv;q=0.8", None, "sv"), ("en", "sv", "sv")],
)
async def test_language_is_fixed_at_creation(header: str | None, language: str | None, expected: str) -> None:
    """The body's language, else Accept-Language, else Swedish; a later request's doesn't matter."""
    async with a_gateway() as gateway:
        headers = {"Accept-Language": header} if header else {}
        content = {"facility": OWN, "booking_id": "B1", "language": language}
        body = await (await gateway.post("/v1/rebookings", content, **headers)).json()
        assert body["language"] == expected


@pytest.mark.parametrize(
    ("facility", "reason"),
    [
        ("SE0000000000-NONE", "not_in_catalogue"),
        (TWO_SYSTEMS, "several_systems"),
        (NOT_REBOOKABLE, "not_configured"),
        (NO_UPDATE, "contract_missing"),
    ],
)
async def test_a_facility_that_cannot_be_rebooked_from(facility: str, reason: str) -> None:
    """What the gateway knows itself is refused at once, and nothing is asked of anybody."""
    async with a_gateway() as gateway:
        answer = await gateway.post("/v1/rebookings", {"facility": facility, "booking_id": "B1"})
        body = await answer.json()
        assert (answer.status, slug(body), body["reason"]) == (409, "facility-not-eligible", reason)
        assert gateway.publisher.messages == []


@pytest.mark.parametrize(
    ("facility", "reason"),
    [
        ("SE0000000000-NONE", "not_in_catalogue"),
        (TWO_SYSTEMS, "several_systems"),
        (NOT_REBOOKABLE, "not_configured"),
        (NO_UPDATE, "contract_missing"),
        (OTHER, "not_offered"),
    ],
)
async def test_a_facility_that_cannot_be_chosen(facility: str, reason: str) -> None:
    """A target is the original facility or one that was listed for this booking, and eligible."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN)
        body = await gateway.command(rebooking_id, "choose_facilities", status=409, facilities=[OWN, facility])
        assert (slug(body), body["reason"]) == ("facility-not-eligible", reason)


async def test_a_contract_that_the_registry_misses_stops_the_choice():
    """What the registry said of the own facility is believed when it is chosen."""
    async with a_gateway() as gateway:
        auto = gateway.deps.configuration.facilities[OWN].model_copy(update={"contracts": "auto"})
        gateway.deps.configuration.facilities[OWN] = auto
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        await gateway.tell_contracts("GetBookingDetails", "GetAvailableDates")
        body = await gateway.command(rebooking_id, "choose_facilities", status=409, facilities=[OWN])
        assert body["reason"] == "contract_missing"


async def test_choosing_facilities_searches_them_and_resets_what_comes_after():
    """One message asks for people and days at all of them, with the original booking and its own filters."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots()
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        accepted = await gateway.command(rebooking_id, "choose_facilities", facilities=[OTHER, OWN, OTHER.lower()])
        message = gateway.last_look_up
        assert isinstance(message, SearchDays)
        assert message.facilities == (OTHER, OWN)
        assert message.booking_facility == OWN
        assert message.sections == (SectionName.PERFORMERS, SectionName.DAYS)
        assert message.basis == accepted["seq"]
        filters = message.filters
        assert (filters.booking_id, filters.time_type_id, filters.time_type_name) == ("B1", "T1", "Återbesök")
        assert (filters.care_type_id, filters.performer) == ("C1", None)
        assert message.current.start == "20260120100000"
        snapshot = await gateway.snapshot(rebooking_id)
        assert state(snapshot, "performers", "days", "timeslots", "details") == ["loading", "loading", "idle", "idle"]
        assert snapshot["choices"] == {
            "facilities": [OTHER, OWN],
            "facilities_confirmed": True,
            "performer": None,
            "day": None,
            "timeslot_id": None,
        }


async def test_an_old_booking_is_looked_up_again():
    """Page 1's answer is believed for 60 seconds on page 2; then the booking is asked for again, and stays visible."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        gateway.clock.move(60)
        await gateway.command(rebooking_id, "choose_facilities", facilities=[OWN])
        assert gateway.last_look_up.sections == (SectionName.PERFORMERS, SectionName.DAYS)  # type: ignore[attr-defined]
        gateway.clock.move(1)
        await gateway.command(rebooking_id, "choose_facilities", facilities=[OWN])
        message: Any = gateway.last_look_up
        assert message.sections[0] is SectionName.BOOKING
        booking = (await gateway.snapshot(rebooking_id))["sections"]["booking"]
        assert (booking["state"], booking["data"]["booking_id"]) == ("loading", "B1")
        # When it is gone meanwhile, later commands say so
        problem = Problem(type=ProblemType.NOT_FOUND).public("sv")
        await gateway.tell(SectionName.BOOKING, Section(state=State.FAILED, problem=problem))
        body = await gateway.command(rebooking_id, "choose_performer", status=404, performer=None)
        assert slug(body) == "not-found"


async def test_a_long_time_type_name_goes_by_its_id_alone():
    """A name over 100 characters is left out of the look-ups' filters."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking(a_booking(time_type_name="x" * 101))
        await gateway.command(rebooking_id, "choose_facilities", facilities=[OWN])
        message: Any = gateway.last_look_up
        assert (message.filters.time_type_name, message.filters.time_type_id) == (None, "T1")


async def test_choosing_a_performer_searches_only_where_they_are():
    """The search begins again, at the facilities that have the person; null searches everywhere again."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days(OWN, OTHER)
        await gateway.tell_performers("SE-EVA", OTHER)
        await gateway.command(rebooking_id, "choose_performer", performer="se-eva")
        message: Any = gateway.last_look_up
        assert isinstance(message, SearchDays)
        assert (message.facilities, message.filters.performer) == ((OTHER,), "SE-EVA")
        assert message.sections == (SectionName.DAYS,)
        snapshot = await gateway.snapshot(rebooking_id)
        assert state(snapshot, "performers", "days", "timeslots") == ["ready", "loading", "idle"]
        assert (snapshot["choices"]["performer"], snapshot["choices"]["facilities"]) == ("SE-EVA", [OWN, OTHER])
        await gateway.command(rebooking_id, "choose_performer", performer=None)
        message = gateway.last_look_up
        assert (message.facilities, message.filters.performer) == ((OWN, OTHER), None)
        body = await gateway.command(rebooking_id, "choose_performer", status=422, performer="SE-NOBODY")
        assert fields(body) == ["performer"]


async def test_searching_further_keeps_what_was_found():
    """The month after the last one searched; days and the chosen day stay, the timeslots are left alone."""
    async with a_gateway() as gateway:
        rebooking_id, _ = await gateway.to_timeslots()
        await gateway.command(rebooking_id, "search_further")
        message = gateway.last_look_up
        assert isinstance(message, SearchFurtherDays)
        assert (str(message.found.last_day), str(message.found.chosen)) == ("2026-02-28", "2026-02-02")
        snapshot = await gateway.snapshot(rebooking_id)
        assert state(snapshot, "days", "timeslots") == ["loading", "ready"]
        assert len(snapshot["sections"]["days"]["data"]["days"]) == 2
        # The first search's late answer for timeslots still counts, this search's own may come for days alone
        first = gateway.publisher.messages[1]
        assert isinstance(first, SearchDays)
        assert isinstance(await gateway.tell(SectionName.DAYS, Section(state=State.EMPTY), to=first), Stale)
        await gateway.tell_timeslots(a_timeslot(), to=first)


@pytest.mark.parametrize("more", [{"can_search_further": False}, {"last_day": "2027-01-31"}])
async def test_searching_beyond_the_horizon(more: dict[str, Any]) -> None:
    """Nothing is searched beyond the horizon, whoever asks."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days()
        await gateway.tell_days("2026-02-02", **more)
        body = await gateway.command(rebooking_id, "search_further", status=422)
        assert slug(body) == "window-too-long"


async def test_choosing_a_day_asks_only_those_who_have_it():
    """Timeslots are looked up for the one day where it has any; a day without is refused."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots()
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "choose_day", date="2026-02-03")
        message = gateway.last_look_up
        assert isinstance(message, LookUpTimeslots)
        assert (str(message.date), message.facilities) == ("2026-02-03", (OWN,))
        snapshot = await gateway.snapshot(rebooking_id)
        assert state(snapshot, "days", "timeslots", "details") == ["ready", "loading", "idle"]
        assert (snapshot["choices"]["day"], snapshot["choices"]["timeslot_id"]) == ("2026-02-03", None)
        body = await gateway.command(rebooking_id, "choose_day", status=422, date="2026-02-04")
        assert fields(body) == ["date"]


async def test_choosing_a_timeslot_tells_its_details_with_the_portals_phone():
    """The choice and the details are one append; the phone is the patient's own, nothing is asked of anybody."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots()
        asked = len(gateway.publisher.messages)
        accepted = await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        snapshot = await gateway.snapshot(rebooking_id)
        assert snapshot["seq"] == accepted["seq"] + 1
        details = snapshot["sections"]["details"]["data"]
        assert (details["comment_required"], details["complete"], details["phone"]) == (True, False, "070-123 45 67")
        assert details["summary"]["heading"]["date"] == "2026-02-02"
        assert len(gateway.publisher.messages) == asked


async def test_a_timeslot_that_takes_no_message_needs_no_comment():
    """Its details are complete from the start, and a comment given all the same is dropped."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots(a_timeslot(message_allowed=None))
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        assert (await gateway.snapshot(rebooking_id))["sections"]["details"]["data"]["complete"] is True
        await gateway.command(rebooking_id, "give_details", comment="Hej <script>", phone="")
        details = (await gateway.snapshot(rebooking_id))["sections"]["details"]["data"]
        assert (details["comment"], details["phone"], details["complete"]) == (None, None, True)


async def test_comment_and_phone_follow_to_another_timeslot():
    """What was written is kept when another timeslot is chosen, also over one that takes no comment."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots(
            a_timeslot(), a_timeslot(start="20260202100000", message_allowed=False)
        )
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "give_details", comment=" Jag\r\nombokar ", phone="070")
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[1])
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        details = (await gateway.snapshot(rebooking_id))["sections"]["details"]["data"]
        assert (details["comment"], details["phone"], details["complete"]) == ("Jag ombokar", "070", True)
        assert details["summary"]["rows"][-1]["text"] == "Jag ombokar"


@pytest.mark.parametrize(
    ("content", "field", "characters"),
    [
        ({"comment": ""}, "comment", []),
        ({"comment": " \n "}, "comment", []),
        ({}, "comment", []),
        ({"comment": "a" * 501}, "comment", []),
        ({"comment": "a & b <b> &"}, "comment", ["U+0026", "U+003C", "U+003E"]),
        ({"comment": "ok", "phone": "070x"}, "phone", ["U+0078"]),
        ({"comment": "ok", "phone": "0" * 31}, "phone", []),
    ],
)
async def test_details_that_are_refused(content: dict[str, Any], field: str, characters: list[str]) -> None:
    """Each field by name, each refused character named once in order, nothing of it changed."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots()
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        body = await gateway.command(rebooking_id, "give_details", status=422, **content)
        (error,) = body["errors"]
        assert (slug(body), error["field"]) == ("invalid", field)
        assert [one["codepoint"] for one in error.get("characters", [])] == characters


async def test_timeslots_that_cannot_be_chosen():
    """An unknown one, the patient's own, one that has begun, and one of a list that was superseded."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots(a_timeslot(start="20260115090000"), a_timeslot())
        for unknown in (timeslot_id(9), ids[0]):
            body = await gateway.command(rebooking_id, "choose_timeslot", status=409, timeslot_id=unknown)
            assert slug(body) == "timeslot-unknown"
        await gateway.tell_timeslots(a_timeslot(), current=True)
        body = await gateway.command(rebooking_id, "choose_timeslot", status=409, timeslot_id=ids[0])
        assert slug(body) == "timeslot-unknown"
        await gateway.command(rebooking_id, "choose_day", date="2026-02-03")
        body = await gateway.command(rebooking_id, "choose_timeslot", status=409, timeslot_id=ids[0])
        assert slug(body) == "timeslot-unknown"


LATER_STEPS = [
    ("choose_performer", {"performer": None}),
    ("search_further", {}),
    ("choose_day", {"date": "2026-02-02"}),
    ("choose_timeslot", {"timeslot_id": timeslot_id(0)}),
    ("give_details", {"comment": "x"}),
    ("confirm", {}),
]


@pytest.mark.parametrize(("name", "content"), [("choose_facilities", {"facilities": [OWN]}), *LATER_STEPS])
async def test_a_command_before_the_booking_is_there(name: str, content: dict[str, Any]) -> None:
    """Whoever goes on before the booking has come is told by the field `name`."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        body = await gateway.command(rebooking_id, name, status=422, **content)
        assert (slug(body), fields(body)) == ("invalid", ["name"])


@pytest.mark.parametrize(("name", "content"), LATER_STEPS)
async def test_a_command_that_needs_an_earlier_one(name: str, content: dict[str, Any]) -> None:
    """Whoever skips a step is told by the field `name`."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        body = await gateway.command(rebooking_id, name, status=422, **content)
        assert (slug(body), fields(body)) == ("invalid", ["name"])


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (ProblemType.NOT_FOUND, 404),
        (ProblemType.REBOOKING_NOT_ALLOWED, 409),
        (ProblemType.OPEN_INVITATION, 409),
        (ProblemType.ALREADY_PASSED, 409),
        (ProblemType.FACILITY_UNAVAILABLE, 503),
    ],
)
async def test_a_booking_that_cannot_be_moved_stops_every_command(problem: ProblemType, status: int) -> None:
    """The booking's problem is what later commands are told, in the rebooking's language."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start(language="en")
        shown = Problem(type=problem, facility="Lindängen", phone="08-1").public("en")
        await gateway.tell_booking(problem=shown)
        body = await gateway.command(rebooking_id, "choose_facilities", status=status, facilities=[OWN])
        assert body == shown


async def test_retrying_asks_for_the_failed_part_alone():
    """Each section that failed is fetched again by itself; what hasn't failed can't be."""
    problem = Problem(type=ProblemType.FACILITY_UNAVAILABLE).public("sv")
    failed = Section(state=State.FAILED, problem=problem)
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell(SectionName.BOOKING, failed)
        await gateway.tell(SectionName.FACILITIES, failed)
        body = await gateway.command(rebooking_id, "retry", status=422, section="details")
        assert fields(body) == ["section"]
        await gateway.command(rebooking_id, "retry", section="booking")
        assert gateway.last_look_up.sections == (SectionName.BOOKING,)  # type: ignore[attr-defined]
        await gateway.tell_booking()
        await gateway.command(rebooking_id, "retry", section="facilities")
        assert gateway.last_look_up.sections == (SectionName.FACILITIES, SectionName.TERMS)  # type: ignore[attr-defined]
        await gateway.tell_facilities(OWN)
        await gateway.command(rebooking_id, "choose_facilities", facilities=[OWN])
        await gateway.tell(SectionName.PERFORMERS, failed)
        await gateway.tell(SectionName.DAYS, failed)
        await gateway.command(rebooking_id, "retry", section="performers")
        assert gateway.last_look_up.sections == (SectionName.PERFORMERS,)  # type: ignore[attr-defined]
        await gateway.command(rebooking_id, "retry", section="days")
        assert gateway.last_look_up.sections == (SectionName.DAYS,)  # type: ignore[attr-defined]
        await gateway.tell_days("2026-02-02")
        await gateway.tell(SectionName.TIMESLOTS, failed)
        await gateway.command(rebooking_id, "retry", section="timeslots")
        assert isinstance(gateway.last_look_up, LookUpTimeslots)
        await gateway.tell_timeslots(a_timeslot())
        silent = Section(state=State.HIDDEN, reason=HiddenReason.REGISTRY_UNAVAILABLE)
        await gateway.command(rebooking_id, "choose_facilities", facilities=[OWN])
        await gateway.tell(SectionName.PERFORMERS, silent)
        await gateway.command(rebooking_id, "retry", section="performers")
        body = await gateway.command(rebooking_id, "retry", status=422, section="timeslots")
        assert fields(body) == ["section"]


async def test_a_late_answer_to_an_old_choice_changes_nothing():
    """Two choices after one another: the first one's results are stale, and the snapshot doesn't move."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days()
        await gateway.command(rebooking_id, "choose_day", date="2026-02-02")
        old = gateway.last_look_up
        await gateway.command(rebooking_id, "choose_day", date="2026-02-03")
        before = await gateway.snapshot(rebooking_id)
        outcome = await gateway.tell(SectionName.TIMESLOTS, Section(state=State.EMPTY), to=old)
        assert isinstance(outcome, Stale)
        assert await gateway.snapshot(rebooking_id) == before
        new = await gateway.tell(SectionName.TIMESLOTS, Section(state=State.EMPTY))
        assert isinstance(new, Appended)


async def test_a_command_is_done_once():
    """The same id with the same content: the same answer, one choice. With other content: key-reused."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days()
        first = await gateway.command(rebooking_id, "choose_day", id="mine", date="2026-02-02")
        asked = len(gateway.publisher.messages)
        await gateway.command(rebooking_id, "choose_day", date="2026-02-03")
        assert await gateway.command(rebooking_id, "choose_day", id="mine", date="2026-02-02") == first
        assert len(gateway.publisher.messages) == asked + 1
        body = await gateway.command(rebooking_id, "choose_day", status=422, id="mine", date="2026-02-03")
        assert slug(body) == "key-reused"
        body = await gateway.command(rebooking_id, "choose_day", status=422, id="start", date="2026-02-03")
        assert slug(body) == "key-reused"


async def test_beginning_again_finds_the_open_rebooking_and_replaces_a_finished_one():
    """The same patient, facility and booking: 200 with the open one; after a final outcome a new one."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        again = await gateway.post("/v1/rebookings", {"facility": OWN, "booking_id": "B1"})
        assert (again.status, (await again.json())["id"]) == (200, rebooking_id)
        other = await gateway.start(booking_id="B2")
        assert other != rebooking_id
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, OutcomeState.REJECTED, n=2)
        again = await gateway.post("/v1/rebookings", {"facility": OWN, "booking_id": "B1"})
        assert (again.status, (await again.json())["id"]) == (200, rebooking_id)
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, OutcomeState.CONFIRMED, n=2)
        again = await gateway.post("/v1/rebookings", {"facility": OWN, "booking_id": "B1"})
        assert again.status == 201
        assert (await again.json())["id"] != rebooking_id
        # and the finished one can still be read
        assert (await gateway.snapshot(rebooking_id))["outcome"]["state"] == "confirmed"


@pytest.mark.parametrize("section", [SectionName.BOOKING, SectionName.FACILITIES])
async def test_beginning_again_after_an_outage_looks_again(section: SectionName):
    """What couldn't be looked up at first is no answer to who begins anew; whoever has chosen goes on."""
    failed = Section(state=State.FAILED, problem=Problem(type=ProblemType.FACILITY_UNAVAILABLE).public("sv"))
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell(section, failed)
        again = await gateway.post("/v1/rebookings", {"facility": OWN, "booking_id": "B1"})
        body = await again.json()
        assert again.status == 201
        assert body["id"] != rebooking_id
        assert state(body, "booking", "facilities") == ["loading", "loading"]
        await gateway.tell_booking()
        await gateway.tell(SectionName.FACILITIES, failed)
        await gateway.command(body["id"], "choose_facilities", facilities=[OWN])
        assert await gateway.start() == body["id"]


async def test_a_look_up_that_the_broker_does_not_take_fails_its_sections():
    """The choice stands, each section that waited says that it failed, and it can be tried again."""
    async with a_gateway() as gateway:
        gateway.publisher.broken = True
        rebooking_id = await gateway.start()
        snapshot = await gateway.snapshot(rebooking_id)
        assert state(snapshot, "booking", "facilities", "terms", "days") == ["failed"] * 3 + ["idle"]
        assert slug(snapshot["sections"]["booking"]["problem"]) == "overloaded"
        gateway.publisher.broken = False
        await gateway.command(rebooking_id, "retry", section="booking")
        await gateway.tell_booking()
        assert state(await gateway.snapshot(rebooking_id), "booking") == ["ready"]


async def test_two_tabs_have_one_order_and_both_see_it(gateway_with_days: tuple[Gateway, str]):
    """Two tabs choose at the same moment: both choices are in the log in one order, the last one holds for both."""
    gateway, rebooking_id = gateway_with_days
    tabs = [await gateway.stream(rebooking_id) for _ in range(2)]
    for tab in tabs:
        await tab.send_json({"type": "hello", "after": (await gateway.snapshot(rebooking_id))["seq"]})
    for n, tab in enumerate(tabs):
        day = f"2026-02-0{n + 2}"
        await tab.send_json({"type": "command", "id": f"tab{n}", "name": "choose_day", "date": day})
    seen = []
    for tab in tabs:
        got = [await tab.receive_json(timeout=10) for _ in range(3)]
        seen.append([(one["seq"], one["data"]["choices"]["day"]) for one in got if one["type"] == "event"])
        assert [one["type"] for one in got].count("accepted") == 1
    assert seen[0] == seen[1]
    assert {day for _, day in seen[0]} == {"2026-02-02", "2026-02-03"}
    snapshot = await gateway.snapshot(rebooking_id)
    assert snapshot["choices"]["day"] == seen[0][-1][1]


@pytest.fixture
async def gateway_with_days() -> Any:
    """A gateway and a rebooking whose days are there."""
    async with a_gateway() as gateway:
        yield gateway, await gateway.to_days()
