"""Every mishap of the simulator in a browser: what the patient is told, and that the way on is there.

Each kind is met by two views that differ in language, script and width; over all kinds every view is met.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest
from playwright.async_api import Browser

from services.gateway.pages.words import words
from services.simulator.mishaps import AnyMishap
from tests.browser.system import NARROW, WIDE, System, View
from tests.end_to_end.stacks import LINDANGEN

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

UPDATES = [
    ("confirmed", {"kind": "slow", "median": 0.5, "p99": 0.6}),
    ("confirmed", {"kind": "hang", "seconds": 4}),
    ("confirmed", {"kind": "hang", "seconds": 4, "applied": True}),
    ("confirmed", {"kind": "drip", "size": 400, "every": 0.05}),
    ("confirmed", {"kind": "down"}),
    ("confirmed", {"kind": "fault"}),
    ("confirmed", {"kind": "vp"}),
    ("not_rebooked", {"kind": "taken"}),
    ("not_rebooked", {"kind": "taken", "text": None}),
    ("confirmed", {"kind": "info", "text": "Kom fastande."}),
    ("confirmed", {"kind": "lost_answer"}),
    ("confirmed", {"kind": "late_apply", "after": 0.3}),
    ("confirmed", {"kind": "resend"}),
    ("confirmed", {"kind": "malformed"}),
]
"""What goes wrong once with a rebooking, and how it ends: what certainly wasn't done is sent again, never else."""

LOOK_UPS = [
    ("GetBookingDetails", {"kind": "slow", "median": 0.5, "p99": 0.6}, "booking"),
    ("GetAvailableDates", {"kind": "hang", "seconds": 4}, "days"),
    ("GetAllPerformers", {"kind": "drip", "size": 200, "every": 0.05}, "performers"),
    ("GetAvailableTimeslots", {"kind": "down"}, "timeslots"),
    ("GetAllHealthcareFacilities", {"kind": "fault"}, "facilities"),
    ("GetBookingDetails", {"kind": "vp", "code": "VP009"}, "booking"),
    ("GetAllPerformers", {"kind": "malformed", "variant": "html"}, "performers"),
    ("GetBookingDetails", {"kind": "malformed", "variant": "truncated"}, "booking"),
]
"""What goes wrong with a look-up, and which part of the pages needs its answer."""

VIEWS = [View("sv", True, NARROW), View("sv", False, NARROW), View("sv", True, WIDE), View("sv", False, WIDE)]
KINDS = sorted({case[1]["kind"] for case in [*UPDATES, *LOOK_UPS]})


async def test_every_mishap_that_there_is_is_met() -> None:
    """A kind that booking systems may have and no browser has met would be a state that nobody has looked at."""
    assert sorted(one.model_fields["kind"].annotation.__args__[0] for one in get_args(AnyMishap)) == KINDS


def seen(cases: list[Any]) -> list[Any]:
    """Each case with how it is looked at; every kind of mishap is met by a view and by the one that is its opposite."""
    every = [*UPDATES, *LOOK_UPS]
    params = []
    for case in cases:
        same = [one for one in every if one[1]["kind"] == case[1]["kind"]]
        view = VIEWS[KINDS.index(case[1]["kind"]) % len(VIEWS)]
        views = [view, view.opposite] if len(same) == 1 else [(view, view.opposite)[same.index(case) % 2]]
        name = f"{case[0]}-{case[1]['kind']}-{every.index(case)}"
        params += [pytest.param(*case, one, id=f"{name}-{one}") for one in views]
    return params


@pytest.mark.parametrize(("ends", "mishap", "view"), seen(UPDATES))
async def test_a_rebooking_that_goes_wrong_is_told_as_it_ends(
    chromium: Browser, system: System, ends: str, mishap: dict[str, Any], view: View
) -> None:
    """The outcome comes to the page that is looked at, in its words; a lost write is never told as not done."""
    booked = system.free.pop()
    rebooking = await system.to_summary(booked, view.language)
    async with system.visit(chromium, view, booked) as visit:
        await visit.page.goto(f"/rebookings/{rebooking}/summary")
        await visit.accessible()
        await system.stack.mishap("UpdateBooking", LINDANGEN, times=1, **mishap)
        await visit.page.click("button.main")
        await visit.page.wait_for_url("**/outcome")
        await visit.shows(words(ends, view.language))
        await visit.accessible()
        text = await visit.page.inner_text("main")
        assert (words("not_rebooked", view.language) in text) == (ends == "not_rebooked")
        if mishap.get("text"):
            assert mishap["text"] in text
        if ends == "not_rebooked":
            await visit.page.click(f"text={words('change_time', view.language)}")
            await visit.shows_part(".timeslots button")
        await visit.page.goto("/bookings")
        said = "list_confirmed" if ends == "confirmed" else "list_failed"
        assert words(said, view.language) in await visit.page.inner_text("main")


@pytest.mark.parametrize(("contract", "mishap", "section", "view"), seen(LOOK_UPS))
async def test_a_look_up_that_goes_wrong_is_told_and_can_be_repeated(
    chromium: Browser, system: System, contract: str, mishap: dict[str, Any], section: str, view: View
) -> None:
    """What couldn't be fetched is said where it belongs, never as nothing there; another try goes on from there."""
    fails = mishap["kind"] not in ("slow", "drip")
    await system.stack.mishap(contract, LINDANGEN, **mishap)
    async with system.visit(chromium, view) as visit:
        try:
            page = visit.page
            await page.goto(visit.booked.start)
            if fails and section == "booking":
                await failed(visit, section)
            await visit.shows_part(".box")
            await visit.shows_part("#onward")
            if fails and section == "facilities":
                await failed(visit, section)
                await visit.shows_part("#field-facilities")
            await visit.accessible()
            await page.click("#onward")
            if fails and section in ("performers", "days", "timeslots"):
                await failed(visit, section)
            await visit.shows_part(".timeslots button")
            await visit.shows_part("#performer")
            await visit.accessible()
            assert len(await page.locator("[role=grid] .chosen").all()) == 1
        finally:
            await system.stack.simulator("DELETE", "/mishaps/*/*")


async def failed(visit: Any, section: str) -> None:
    """The part says that it failed, with the phone number where there is one; then it is asked for again."""
    await visit.shows_part(f"input[name=section][value={section}]")
    await visit.accessible()
    if section in ("booking", "days", "timeslots"):
        assert "08-465 004 11" in await visit.page.inner_text("main")
    await visit.system.stack.simulator("DELETE", "/mishaps/*/*")
    await visit.page.click(f"#retry-{section}")


@pytest.mark.parametrize("view", [View("sv", True, NARROW), View("en", False, WIDE)], ids=str)
async def test_a_facility_that_does_not_answer_is_named_in_the_list(
    chromium: Browser, system: System, view: View
) -> None:
    """The list of booked times says whose times are missing, beside those of the others."""
    await system.stack.mishap("GetSubjectOfCareSchedule", LINDANGEN, kind="fault")
    async with system.visit(chromium, view) as visit:
        try:
            await visit.page.goto("/bookings")
            text = await visit.page.inner_text("main")
            assert (
                words("source_failed", view.language, facility="Vårdcentralen Lindängen", phone="08-465 004 11") in text
            )
            await visit.accessible()
        finally:
            await system.stack.simulator("DELETE", "/mishaps/*/*")
        await visit.page.click(f"text={words('show_again', view.language)}")
        assert "Vårdcentralen Lindängen" in await visit.page.inner_text(".booking")
