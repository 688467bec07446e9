"""Each mishap as the caller sees it, and what it did to the world. Nobody waits: sleeping is written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from lxml import etree

from services.simulator.contracts import schema_faults
from services.simulator.world import Booking
from tests.builders.simulator import (
    HOME,
    NOW,
    SimulatorUnderTest,
    Waits,
    a_body,
    a_booking,
    a_search,
    a_simulator,
    a_simulator_configuration,
    an_update_body,
    content_of,
)

UPDATE = "UpdateBooking"
DETAILS = "GetBookingDetails"


@pytest.fixture
def waits() -> Waits:
    """What the simulator would have waited."""
    return Waits()


@pytest.fixture
async def simulator(waits: Waits) -> AsyncIterator[SimulatorUnderTest]:
    """A running simulator that doesn't sleep."""
    async with a_simulator(sleep=waits) as running:
        yield running


def an_update(simulator: SimulatorUnderTest) -> tuple[Booking, etree._Element]:
    """The ordinary booking, and a request to move it to the first free timeslot."""
    booking = a_booking(simulator.world)
    return booking, an_update_body(booking, simulator.world.timeslots(a_search(simulator.world, booking), NOW)[0])


def details(simulator: SimulatorUnderTest) -> etree._Element:
    """A look-up of the ordinary booking."""
    return a_body(DETAILS, ("healthcare_facility", HOME), ("bookingId", a_booking(simulator.world).id))


async def result_of(simulator: SimulatorUnderTest, **mishap: Any) -> tuple[str | None, str | None, int]:
    """Rebook with a mishap up: result code, result text, and how many changes there were."""
    await simulator.put_mishap(UPDATE, **mishap)
    _, answer = await simulator.send(an_update(simulator)[1])
    content = content_of(answer)
    changes = len(await simulator.journal())
    return content.findtext("{*}resultCode"), content.findtext("{*}resultText"), changes


async def test_slow_answers_after_a_drawn_time(simulator: SimulatorUnderTest, waits: Waits) -> None:
    """slow: the right answer, after a wait that is drawn."""
    await simulator.put_mishap(DETAILS, kind="slow", median=2, p99=4)
    for _ in range(3):
        status, answer = await simulator.send(details(simulator))
        assert status == 200
        assert not schema_faults(content_of(answer))
    assert len(set(waits.seconds)) == 3


@pytest.mark.parametrize(("applied", "changes"), [(False, 0), (True, 1)])
async def test_hang_ends_without_an_answer(
    simulator: SimulatorUnderTest, waits: Waits, applied: bool, changes: int
) -> None:
    """hang: no answer until the connection is cut; applied or not as told."""
    await simulator.put_mishap(UPDATE, kind="hang", seconds=99, applied=applied)
    with pytest.raises(aiohttp.ClientError):
        await simulator.send(an_update(simulator)[1])
    assert waits.seconds == [99]
    assert len(await simulator.journal()) == changes


async def test_a_hanging_call_does_not_keep_the_simulator_from_ending() -> None:
    """Closing ends what hangs, at once, whatever time it still had."""
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    async with a_simulator(sleep=sleep) as simulator:
        await simulator.put_mishap(DETAILS, kind="hang", seconds=3600)
        hanging = asyncio.create_task(simulator.send(details(simulator)))
        await asleep.wait()
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_drip_gives_the_whole_answer_in_small_pieces(simulator: SimulatorUnderTest, waits: Waits) -> None:
    """drip: the right answer, with a wait after each piece."""
    await simulator.put_mishap(DETAILS, kind="drip", size=100, every=0.5)
    status, answer = await simulator.send(details(simulator))
    assert status == 200
    assert not schema_faults(content_of(answer))
    assert waits.seconds == [0.5] * -(-len(answer) // 100)


async def test_down_cuts_the_connection(simulator: SimulatorUnderTest) -> None:
    """down: no answer, no change, and the call is recorded without status."""
    await simulator.put_mishap(UPDATE, kind="down")
    with pytest.raises(aiohttp.ClientError):
        await simulator.send(an_update(simulator)[1])
    assert await simulator.journal() == []
    assert [(call["mishap"], call["status"]) for call in await simulator.calls()] == [("down", None)]


@pytest.mark.parametrize(("applied", "changes"), [(False, 0), (True, 1)])
async def test_fault_is_the_booking_systems_own(simulator: SimulatorUnderTest, applied: bool, changes: int) -> None:
    """fault: a SOAP fault with the given text, applied or not as told."""
    await simulator.put_mishap(UPDATE, kind="fault", text="resultCode: 3001", applied=applied)
    status, answer = await simulator.send(an_update(simulator)[1])
    assert (status, content_of(answer).findtext("faultstring")) == (500, "resultCode: 3001")
    assert len(await simulator.journal()) == changes


@pytest.mark.parametrize("code", ["VP004", "VP007", "VP009"])
async def test_vp_is_the_platforms_fault(simulator: SimulatorUnderTest, code: str) -> None:
    """vp: the platform's fault with the code, and no change."""
    await simulator.put_mishap(UPDATE, kind="vp", code=code)
    status, answer = await simulator.send(an_update(simulator)[1])
    assert status == 500
    assert (content_of(answer).findtext("faultstring") or "").startswith(code)
    assert await simulator.journal() == []


async def test_vp009_may_come_after_the_update_was_applied(simulator: SimulatorUnderTest) -> None:
    """With `applied` the platform gave up, the booking system didn't."""
    await simulator.put_mishap(UPDATE, kind="vp", code="VP009", applied=True)
    status, _ = await simulator.send(an_update(simulator)[1])
    assert (status, len(await simulator.journal())) == (500, 1)


@pytest.mark.parametrize("text", ["Tiden är tagen.", None])
async def test_taken_is_an_error_and_the_timeslot_is_gone(simulator: SimulatorUnderTest, text: str | None) -> None:
    """taken: ERROR with the text or without, no change, and the timeslot isn't offered any more."""
    # Given
    booking = a_booking(simulator.world)
    wanted = simulator.world.timeslots(a_search(simulator.world, booking), NOW)[0]
    # When
    result = await result_of(simulator, kind="taken", text=text)
    # Then
    assert result == ("ERROR", text, 0)
    assert wanted not in simulator.world.timeslots(a_search(simulator.world, booking), NOW)


@pytest.mark.parametrize("text", ["Kom fastande.", None])
async def test_info_is_done_with_a_text(simulator: SimulatorUnderTest, text: str | None) -> None:
    """info: INFO with the text, and the booking is moved."""
    assert await result_of(simulator, kind="info", text=text) == ("INFO", text, 1)


async def test_info_does_not_hide_an_error(simulator: SimulatorUnderTest) -> None:
    """info: what is refused is still refused."""
    _, body = an_update(simulator)
    await simulator.send(body)
    await simulator.put_mishap(UPDATE, kind="info")
    _, answer = await simulator.send(body)
    assert content_of(answer).findtext("{*}resultCode") == "ERROR"


async def test_lost_answer_is_applied_and_then_cut(simulator: SimulatorUnderTest) -> None:
    """lost_answer: the booking is moved, and nobody is told."""
    booking, body = an_update(simulator)
    await simulator.put_mishap(UPDATE, kind="lost_answer")
    with pytest.raises(aiohttp.ClientError):
        await simulator.send(body)
    assert len(await simulator.journal()) == 1
    assert a_booking(simulator.world).start != booking.start


@pytest.mark.parametrize("answer", ["vp", "fault", "cut", "hang"])
async def test_late_apply_is_answered_first_and_applied_afterwards(answer: str) -> None:
    """late_apply: no success is told; the booking is moved when its time has come, and the journal says late."""
    # Given a simulator whose later never comes until it is let
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds == 55:
            await gate.wait()

    async with a_simulator(sleep=sleep) as simulator:
        await simulator.put_mishap(UPDATE, kind="late_apply", after=55, answer=answer)
        # When
        body = an_update(simulator)[1]
        if answer in ("vp", "fault"):
            status, _ = await simulator.send(body)
            assert status == 500
        else:
            with pytest.raises(aiohttp.ClientError):
                await simulator.send(body)
        before = await simulator.journal()
        gate.set()
        await simulator.systems.stage.settled()
        # Then
        after = await simulator.journal()
        assert (len(before), [json.loads(line)["late"] for line in after]) == (0, [True])


async def test_what_was_to_be_applied_late_is_forgotten_at_a_reset() -> None:
    """A reset makes the world anew, and nothing of the old one happens in it."""
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await gate.wait()

    async with a_simulator(sleep=sleep) as simulator:
        await simulator.put_mishap(UPDATE, kind="late_apply", after=55, answer="vp")
        await simulator.send(an_update(simulator)[1])
        async with simulator.client.post("/_sim/reset") as response:
            assert response.status == 204
        gate.set()
        await simulator.systems.stage.settled()
        assert await simulator.journal() == []


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        ({"booking_id": "kept", "repeat": "ok"}, "OK"),
        ({"booking_id": "kept", "repeat": "error"}, "ERROR"),
        ({"booking_id": "new"}, "ERROR"),
    ],
)
async def test_resend_gives_the_second_deliverys_answer(profile: dict[str, Any], code: str) -> None:
    """resend: one change, by the first delivery; the answer is the second's, which may be ERROR."""
    async with a_simulator(a_simulator_configuration({HOME: profile})) as simulator:
        result = await result_of(simulator, kind="resend")
        assert (result[0], result[2]) == (code, 1)
        assert json.loads((await simulator.journal())[0])["delivery"] == 1


@pytest.mark.parametrize(("applied", "changes"), [(True, 1), (False, 0)])
@pytest.mark.parametrize(
    "variant",
    ["not_xml", "html", "empty", "empty_body", "doctype", "oversize", "wrong_element", "two_results", "bad_result_code",
     "missing_result_code", "ok_with_500"],
)  # fmt: skip
async def test_malformed_spoils_the_answer_alone(
    simulator: SimulatorUnderTest, variant: str, applied: bool, changes: int
) -> None:
    """malformed: no answer that may be believed, whether the update was applied or not."""
    await simulator.put_mishap(UPDATE, kind="malformed", variant=variant, applied=applied)
    status, answer = await simulator.send(an_update(simulator)[1])
    assert not may_be_believed(status, answer)
    assert len(await simulator.journal()) == changes


def may_be_believed(status: int, answer: bytes) -> bool:
    """Whether an answer is HTTP 200 with one valid UpdateBookingResponse, of a size that is read, without a DOCTYPE."""
    try:
        root = etree.fromstring(answer, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError:
        return False
    body = root.find("{*}Body")
    right = body is not None and len(body) == 1 and not schema_faults(body[0])
    named = right and etree.QName(body[0]).localname == "UpdateBookingResponse"  # type: ignore[index]
    return status == 200 and named and len(answer) < 2**20 and root.getroottree().docinfo.internalDTD is None


async def test_a_truncated_answer_ends_too_early(simulator: SimulatorUnderTest) -> None:
    """malformed, truncated: fewer bytes than were promised."""
    await simulator.put_mishap(UPDATE, kind="malformed", variant="truncated")
    with pytest.raises(aiohttp.ClientPayloadError):
        await simulator.send(an_update(simulator)[1])
    assert len(await simulator.journal()) == 1


async def test_mishaps_of_updates_leave_look_ups_alone(simulator: SimulatorUnderTest) -> None:
    """taken, info and resend under a star change nothing for a look-up."""
    for kind in ("taken", "info", "resend"):
        await simulator.put_mishap("*", facility="*", kind=kind)
        status, answer = await simulator.send(details(simulator))
        assert status == 200
        assert not schema_faults(content_of(answer))
