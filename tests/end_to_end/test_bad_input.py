"""Bad input, each with its problem: a clear answer, and nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.portal import Rebooking
from tests.end_to_end.stacks import ALMBY, EKEBO, LINDANGEN, PROVTAGNINGEN, TORGET, Stack, embedded

BOOKING = "1HZ5-0100001"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """The whole system, on embedded adapters."""
    async with embedded(tmp_path) as running:
        yield running


@pytest.fixture
async def rebooking(stack: Stack) -> AsyncIterator[Rebooking]:
    """Saga's rebooking, with the first day's timeslots shown."""
    async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as one:
        await one.go_to_days()
        yield one


def slug(problem: dict[str, Any]) -> str:
    """A problem's type without its prefix."""
    return str(problem["type"]).removeprefix("urn:omboka:problem:")


@pytest.mark.parametrize(
    ("facility", "reason"), [("SE2321000016-NONE", "not_in_catalogue"), (TORGET, "several_systems")]
)
async def test_a_facility_that_is_not_eligible_is_refused_at_once(stack: Stack, facility: str, reason: str) -> None:
    """What the gateway knows itself is refused at the start, with the reason."""
    async with stack.portal("saga") as portal:
        content = {"facility": facility, "booking_id": "X"}
        problem = await portal.post("/v1/rebookings", content, status=409)
        assert (slug(problem), problem["reason"]) == ("facility-not-eligible", reason)


async def test_a_facility_not_configured_for_rebooking_is_refused(tmp_path: Path) -> None:
    """`rebooking: false` in the catalogue."""
    async with (
        embedded(tmp_path, facilities={LINDANGEN: {"rebooking": False}}) as stack,
        stack.portal("saga") as portal,
    ):
        content = {"facility": LINDANGEN, "booking_id": BOOKING}
        problem = await portal.post("/v1/rebookings", content, status=409)
        assert problem["reason"] == "not_configured"


async def test_a_facility_without_a_contract_is_told_in_the_facilities_section(tmp_path: Path) -> None:
    """The registry's word comes later than the start: facilities end as empty, with the reason."""
    profile = {LINDANGEN: {"without": ["UpdateBooking"], "related": []}}
    async with embedded(tmp_path, profiles=profile) as stack, stack.portal("saga") as portal:
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.expect("facilities.empty")
            problem = rebooking.sections["facilities"]["problem"]
            assert (slug(problem), problem["reason"]) == ("facility-not-eligible", "contract_missing")


async def test_another_patients_booking_is_as_one_that_does_not_exist(stack: Stack) -> None:
    """Same problem, same words, no data."""
    problems = []
    for booking_id in ("1HZ5-0100003", "no-such-booking"):
        async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, booking_id) as rebooking:
            while "booking" not in rebooking.sections or rebooking.sections["booking"]["state"] == "loading":
                await rebooking.frame()
            section = rebooking.sections["booking"]
            assert "data" not in section
            problems.append(section["problem"])
    assert problems[0] == problems[1]
    assert slug(problems[0]) == "not-found"


@pytest.mark.parametrize(
    ("patient", "booking_id", "expected"),
    [
        ("birgitta", "1HZ5-0100006", "open-invitation"),
        ("fatima", "1HZ5-0100004", "rebooking-not-allowed"),
        ("oskar", "1HZ5-0100005", "already-passed"),
    ],
)
async def test_a_booking_that_cannot_be_moved_says_why(
    stack: Stack, patient: str, booking_id: str, expected: str
) -> None:
    """The section fails with the data there, and every later command gets the same problem."""
    async with stack.portal(patient) as portal, await portal.rebook(LINDANGEN, booking_id) as rebooking:
        await rebooking.expect_all("terms.ready", "section.failed")
        section = rebooking.sections["booking"]
        assert slug(section["problem"]) == expected
        assert section["data"]["booking_id"] == booking_id
        problem = await rebooking.command("choose_facilities", facilities=[LINDANGEN], status=409)
        assert slug(problem) == expected


async def test_a_forbidden_character_is_named(rebooking: Rebooking) -> None:
    """Each refused character once, in order, with code point and name; nothing is silently removed."""
    await rebooking.send("choose_timeslot", timeslot_id=rebooking.free()[0]["timeslot_id"])
    await rebooking.expect("details.ready")
    problem = await rebooking.command("give_details", comment='<b>"hej"</b>', status=422)
    (fault,) = problem["errors"]
    assert fault["field"] == "comment"
    assert [one["char"] for one in fault["characters"]] == ["<", ">", '"']
    assert fault["characters"][0]["codepoint"] == "U+003C"


async def test_a_comment_that_is_required_is_asked_for_twice(rebooking: Rebooking) -> None:
    """Empty is refused by give_details, and again by confirm."""
    await rebooking.send("choose_timeslot", timeslot_id=rebooking.free()[0]["timeslot_id"])
    await rebooking.expect("details.ready")
    for name, content in (("give_details", {"comment": " \n "}), ("confirm", {})):
        problem = await rebooking.command(name, status=422, **content)
        assert problem["errors"][0]["field"] == "comment"


async def test_a_phone_number_with_letters_is_refused(rebooking: Rebooking) -> None:
    """Digits, space, hyphen and plus; the field is named."""
    await rebooking.send("choose_timeslot", timeslot_id=rebooking.free()[0]["timeslot_id"])
    await rebooking.expect("details.ready")
    problem = await rebooking.command("give_details", comment="Hej", phone="070-ABC", status=422)
    assert problem["errors"][0]["field"] == "phone"


async def test_an_unknown_timeslot_is_refused(rebooking: Rebooking) -> None:
    """A timeslot_id that was never shown here."""
    problem = await rebooking.command("choose_timeslot", timeslot_id="A" * 22, status=409)
    assert slug(problem) == "timeslot-unknown"


async def test_a_target_that_was_not_offered_is_refused(rebooking: Rebooking) -> None:
    """Only the original, or what GetAllHealthcareFacilities listed for this booking."""
    problem = await rebooking.command("choose_facilities", facilities=[EKEBO], status=409)
    assert (slug(problem), problem["reason"]) == ("facility-not-eligible", "not_offered")


async def test_the_same_command_again_is_done_once(rebooking: Rebooking) -> None:
    """The same id with the same content: the same answer; with other content: key-reused."""
    day = rebooking.data("days")["days"][1]["date"]
    first = await rebooking.command("choose_day", command_id="one", date=day)
    assert await rebooking.command("choose_day", command_id="one", date=day) == first
    other = rebooking.data("days")["days"][2]["date"]
    assert slug(await rebooking.command("choose_day", command_id="one", date=other, status=422)) == "key-reused"


async def test_confirming_twice_makes_one_rebooking(stack: Stack, rebooking: Rebooking) -> None:
    """The same confirm again is the same; another one while it is open, or after, is refused."""
    await rebooking.go_to_summary()
    first = await rebooking.command("confirm", command_id="yes")
    assert await rebooking.command("confirm", command_id="yes") == first
    await rebooking.expect("rebooking.confirmed")
    assert slug(await rebooking.command("confirm", command_id="again", status=409)) == "booking-changed"
    assert len(await stack.calls("UpdateBooking")) == 1


async def test_confirming_an_older_choice_is_refused(rebooking: Rebooking) -> None:
    """`seq` says what the patient has seen; a choice that came after it is not confirmed unseen."""
    await rebooking.go_to_summary()
    seen = rebooking.seq
    other = rebooking.free()[1]
    await rebooking.command("choose_timeslot", timeslot_id=other["timeslot_id"])
    assert slug(await rebooking.command("confirm", seq=seen, status=409)) == "booking-changed"


async def test_a_broken_frame_gets_a_problem_and_the_socket_goes_on(stack: Stack, rebooking: Rebooking) -> None:
    """Not JSON, or not a frame: one problem, and the next command works."""
    socket = rebooking._socket
    assert socket is not None
    for broken in ("{", "[]", '{"type":"dance"}', '{"type":"command","id":"x","name":"choose_day"}'):
        await socket.send_str(broken)
        await rebooking.expect_problem("invalid")
    await rebooking.send("choose_day", date=rebooking.data("days")["days"][1]["date"])
    await rebooking.expect("timeslots.ready")


async def test_an_expired_token_is_refused(stack: Stack) -> None:
    """401 as a problem, before anything is told."""
    portal = stack.portal("saga", expires_in=-60)
    async with portal:
        assert slug(await portal.get("/v1/me", status=401)) == "not-authenticated"


async def test_without_the_subjects_names_nothing_is_committed(stack: Stack) -> None:
    """The wire needs them: confirm is refused, naming the token's field."""
    async with stack.portal("saga", given_name=None) as portal:
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.go_to_days()
            await rebooking.go_to_summary()
            problem = await rebooking.command("confirm", status=422)
            assert problem["errors"][0]["field"] == "token.given_name"


async def test_two_tabs_that_choose_at_once_both_see_one_order(stack: Stack, rebooking: Rebooking) -> None:
    """Whatever order wins, both tabs have the same events, and a superseded result changes nothing."""
    tab = Rebooking(rebooking.portal, rebooking.id)
    await tab.connect()
    days = [one["date"] for one in rebooking.data("days")["days"][1:3]]
    await rebooking.send("choose_day", date=days[0])
    await tab.send("choose_day", date=days[1])
    for one in (rebooking, tab):
        while [event["name"] for event in one.events].count("choice.made") < 3:
            await one.frame()
        while one.sections["timeslots"]["state"] == "loading":
            await one.frame()
    both = min(tab.seq, rebooking.seq)
    assert tab.events[:both] == rebooking.events[:both]
    assert tab.choices == rebooking.choices
    assert tab.sections == rebooking.sections
    assert tab.data("timeslots")["date"] == tab.choices["day"]
    await tab.disconnect()


async def test_a_superseded_looks_late_answer_changes_nothing(stack: Stack, rebooking: Rebooking) -> None:
    """The first day's answer comes after the second day's: it is in no event and not in the snapshot."""
    first, second, third = [one["date"] for one in rebooking.data("days")["days"][1:4]]
    asked = len(await stack.calls("GetAvailableTimeslots"))
    await stack.mishap("GetAvailableTimeslots", kind="slow", median=0.4, p99=0.4, times=1)
    await rebooking.send("choose_day", date=first)
    while len(await stack.calls("GetAvailableTimeslots")) == asked:
        await rebooking.portal.get("/v1/me")
    await rebooking.send("choose_day", date=second)
    await rebooking.expect("timeslots.ready")
    assert rebooking.data("timeslots")["date"] == second
    # A third look-up that takes longer than the first: when its answer is here, the first one's has been.
    await stack.mishap("GetAvailableTimeslots", kind="slow", median=0.8, p99=0.8, times=1)
    await rebooking.send("choose_day", date=third)
    await rebooking.expect("timeslots.ready")
    told = [one["data"]["value"].get("data") for one in rebooking.events if one["data"].get("section") == "timeslots"]
    assert first not in [data["date"] for data in told if data]
    assert (await rebooking.snapshot())["sections"]["timeslots"]["data"]["date"] == third


async def test_a_facility_that_does_not_answer_is_not_told_as_empty(stack: Stack) -> None:
    """What could not be fetched is failed, with the phone; never told as nothing there."""
    await stack.mishap("GetAvailableDates", kind="fault")
    async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
        await rebooking.expect_all("booking.ready", "terms.ready")
        await rebooking.send("choose_facilities", facilities=[LINDANGEN])
        while rebooking.sections.get("days", {}).get("state") != "failed":
            await rebooking.frame()
        problem = rebooking.sections["days"]["problem"]
        assert slug(problem) == "facility-unavailable"
        assert problem["facility_phone"] == "08-465 004 11"
        await stack.simulator("DELETE", "/mishaps/*/*")
        await rebooking.send("retry", section="days")
        await rebooking.expect("timeslots.ready")


async def test_one_failing_facility_does_not_fail_the_others(stack: Stack) -> None:
    """A day and a failure: ready, and the failed one is named."""
    await stack.mishap("GetAvailableDates", ALMBY, kind="fault")
    async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
        await rebooking.go_to_days(LINDANGEN, ALMBY)
        await rebooking.expect_all("days.ready")
        searched = {one["facility"]: one.get("problem") for one in rebooking.data("days")["searched"]}
        assert searched[LINDANGEN] is None
        assert slug(searched[ALMBY] or {}) == "facility-unavailable"


async def test_a_list_with_one_silent_facility_shows_the_others(stack: Stack) -> None:
    """«Bokade tider» at every facility; the only one asked failing is 503."""
    await stack.mishap("GetSubjectOfCareSchedule", PROVTAGNINGEN, kind="fault")
    async with stack.portal("saga") as portal:
        listed = await portal.bookings()
        assert [one["booking_id"] for one in listed["bookings"]] == [BOOKING]
        states = {one["facility"]: one["state"] for one in listed["sources"]}
        assert states[PROVTAGNINGEN] == "failed"
        assert states[LINDANGEN] == "ready"
        problem = await portal.get("/v1/bookings", status=503, facility=PROVTAGNINGEN, wait=5)
        assert slug(problem) == "facility-unavailable"


async def test_someone_elses_rebooking_is_not_there(stack: Stack, rebooking: Rebooking) -> None:
    """Every endpoint answers as for one that doesn't exist, body for body."""
    async with stack.portal("nils") as other:
        answers = []
        for path in (rebooking.path, "/v1/rebookings/" + "0" * 32):
            answers.append(await other.get(path, status=404))
            answers.append(await other.get(path + "/events", status=404))
            answers.append(await other.post(path + "/commands", {"id": "x", "name": "search_further"}, status=404))
            answers.append(await other.post(path + "/ticket", status=404))
        assert all(answer == answers[0] for answer in answers)
        for path in (rebooking.path, "/v1/rebookings/" + "0" * 32):
            socket = await other.session.ws_connect(path + "/stream", protocols=["omboka.v1"])
            await socket.send_json({"type": "hello", "after": 0})
            told = [frame.json() async for frame in socket]
            assert [slug(frame["problem"]) for frame in told] == ["not-found"]
            assert socket.close_code == 4404


async def test_a_broken_connection_resumes_with_what_was_missed(rebooking: Rebooking) -> None:
    """`hello` with the last seq gives exactly what came meanwhile."""
    await rebooking.disconnect()
    answer = await rebooking.command("choose_day", date=rebooking.data("days")["days"][1]["date"])
    await rebooking.connect()
    await rebooking.expect("timeslots.ready")
    assert [event["seq"] for event in rebooking.events] == list(range(1, rebooking.seq + 1))
    assert answer["seq"] <= rebooking.seq
