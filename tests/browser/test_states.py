"""Axe on every page and each of its states: light, dark, narrow, wide, in both languages, with and without script."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from playwright.async_api import Page

from shared.contracts.model import SourceStatus
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import OutcomeState, SearchedFacility, Section, SectionName, State
from tests.browser.axe import violations, with_script
from tests.browser.test_pages import a_page, arrived, runs_scripts, to_days
from tests.browser.weight import weighed
from tests.builders.gateway import NOT_REBOOKABLE, OTHER, OWN, Gateway, a_booking, a_timeslot

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VIEWS = [
    pytest.param(
        {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark", "locale": "en-GB"}, id="320-dark-en"
    ),
    pytest.param({"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}, id="1280-light-sv"),
    pytest.param({"viewport": {"width": 320, "height": 640}, "java_script_enabled": False}, id="320-forms-sv"),
]
LONG = "Ett långt ord: " + "ombokningsbekräftelse" * 8
DOCBOOK = (
    '<article xmlns="http://docbook.org/ns/docbook"><title>Kallelse</title><para>Välkommen</para><section>'
    "<title>Inför besöket</title><itemizedlist><listitem><para>Fasta</para></listitem></itemizedlist>"
    "</section></article>"
)


async def clean(page: Page, *, wait: str = "#content") -> None:
    """Axe finds nothing once something is there, nothing is wider than the window, and it weighs little."""
    await arrived(page, wait)
    found = await violations(page if runs_scripts(page) else await with_script(page))
    assert found == [], f"{page.url}: {found}"
    width = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] <= width[1], page.url
    if runs_scripts(page):
        await weighed(page)


async def sent_unchecked(page: Page, form: str) -> None:
    """Send a form past the page's script, so that the server is the one who refuses it."""
    async with page.expect_navigation():
        await page.eval_on_selector(form, "form => form.submit()")


def unavailable() -> dict[str, Any]:
    """The problem of a facility that doesn't answer."""
    return Problem(type=ProblemType.FACILITY_UNAVAILABLE, facility="Lindängen", phone="08-1").public("sv")


@pytest.mark.parametrize("view", VIEWS)
async def test_terms_and_its_stops(chromium: Any, view: dict[str, Any]) -> None:
    """Page 1 waiting, none chosen, whole, alone, and each of its stops; and who isn't signed in."""
    async with a_page(chromium, **view) as (page, gateway):
        await clean(page, wait=".waiting")
        await gateway.tell_booking(a_booking(reason=LONG, purpose=DOCBOOK))
        await gateway.tell_facilities(OTHER, NOT_REBOOKABLE)
        await arrived(page, "#onward")
        await page.click("#onward", force=True)
        await clean(page, wait="#onward-why:not(:empty), .errors")
        await page.eval_on_selector("#onward", "button => button.removeAttribute('aria-disabled')")
        await page.click("#onward")
        await clean(page, wait="#fault-facilities")
        await page.goto(page.url)
        await gateway.tell_facilities(OWN, OTHER)
        await clean(page, wait="#field-facilities")
        await page.click(".cut summary")
        await clean(page)
        await page.select_option("#field-facilities", "all")
        await clean(page)
        await gateway.tell(SectionName.FACILITIES, Section(state=State.FAILED, problem=unavailable()))
        await clean(page, wait="#retry-facilities")
        for type_ in (
            ProblemType.REBOOKING_NOT_ALLOWED,
            ProblemType.OPEN_INVITATION,
            ProblemType.ALREADY_PASSED,
            ProblemType.NOT_FOUND,
            ProblemType.FACILITY_UNAVAILABLE,
            ProblemType.EXPIRED,
        ):
            problem = Problem(type=type_, facility="Lindängen", phone="08-1")
            await gateway.tell_booking(problem=problem.public("sv"))
            await page.reload()
            await clean(page, wait="main .notice")
        await page.goto("/rebook?facility=SE2321000016-6DV4&booking=B1")
        await clean(page, wait="main .notice")
        await page.context.clear_cookies()
        await page.goto("/bookings")
        await clean(page)
        await page.goto("/sign-in")
        await clean(page)


@pytest.mark.parametrize("view", VIEWS)
async def test_person_day_and_time(chromium: Any, view: dict[str, Any]) -> None:
    """Page 2 waiting, empty, failed, whole, one facility silent, a day or a time gone; and page 3 without a message."""
    async with a_page(chromium, **view) as (page, gateway):
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN, OTHER)
        await arrived(page, "#field-facilities")
        await page.select_option("#field-facilities", "all")
        await page.click("#onward")
        await clean(page, wait=".waiting")
        await gateway.settle()
        await gateway.tell_days(state=State.EMPTY)
        await clean(page, wait="[data-part=days] .notice")
        await gateway.tell(SectionName.DAYS, Section(state=State.FAILED, problem=unavailable()))
        await clean(page, wait="#retry-days")
        await gateway.tell_performers("SE1", OWN)
        await gateway.tell_days("2026-02-02", "2026-02-04", searched=one_failed())
        await gateway.tell_timeslots(a_timeslot(), a_timeslot(start="20260202130000", end="20260202133000"))
        await clean(page, wait=".timeslots button")
        await page.wait_for_selector("#performer")
        await clean(page, wait="[data-part=days] .notice")
        await gateway.tell(SectionName.TIMESLOTS, Section(state=State.FAILED, problem=unavailable()))
        await clean(page, wait="#retry-timeslots")
        await gateway.tell_timeslots()
        await clean(page, wait="[data-part=timeslots] .notice")
        await gateway.tell(SectionName.PERFORMERS, Section(state=State.FAILED, problem=unavailable()))
        await clean(page, wait="#retry-performers")
        await gateway.tell_days("2026-02-04", last_day=dt.date(2026, 2, 28), can_search_further=False)
        await clean(page, wait="#further:disabled")
        await page.goto(f"{page.url.partition('?')[0]}?notice=timeslot-unknown")
        await clean(page, wait="[data-part=notice] .notice")
        await gateway.tell_timeslots(a_timeslot(start="20260204090000", end="20260204093000", message_allowed=False))
        await arrived(page, ".timeslots button")
        await page.click(".timeslots button")
        await page.wait_for_url("**/details")
        await clean(page, wait="#field-phone")
        assert await page.locator("#field-comment").count() == 0


def one_failed() -> tuple[Any, ...]:
    """Two searched facilities of which one didn't answer."""
    return (
        SearchedFacility(facility=OWN, facility_name="Lindängen", source_status=SourceStatus.FROM_SOURCE),
        SearchedFacility(facility=OTHER, facility_name="Almby", source_status=SourceStatus.NONE, problem=unavailable()),
    )


async def to_outcome(page: Page, gateway: Gateway, *, comment: str = "Krockar") -> str:
    """From the times to the outcome, looking at each page on the way; gives the rebooking's id."""
    await to_days(page, gateway)
    await page.click(".timeslots button")
    await page.wait_for_url("**/details")
    greyed, cleaning = ("[aria-disabled=true]", "#comment-clean") if runs_scripts(page) else ("", "#field-comment")
    await clean(page, wait=f"button.main{greyed}")
    await page.click("button.main", force=True)
    await clean(page, wait="#comment-faults:not(:empty), #fault-comment")
    await page.fill("#field-comment", "a<b\u00a0")
    await clean(page, wait=f"{cleaning}:visible")
    await sent_unchecked(page, "[data-details]")
    await clean(page, wait=".errors a[href='#field-comment']")
    assert await page.locator("#field-comment[aria-invalid=true]").count() == 1
    await page.fill("#field-comment", comment)
    await page.click("button.main")
    await page.wait_for_url("**/summary")
    await clean(page)
    await page.click("button.main")
    await page.wait_for_url("**/outcome")
    return page.url.split("/")[-2]


@pytest.mark.parametrize("view", VIEWS)
async def test_details_summary_and_every_outcome(chromium: Any, view: dict[str, Any]) -> None:
    """Page 3 as it is written in and refused, page 4 with a long comment, page 5 in each state and from the ledger."""
    async with a_page(chromium, **view) as (page, gateway):
        rebooking = await to_outcome(page, gateway, comment="Jag har fått förhinder och behöver en annan tid. " * 4)
        await clean(page, wait=".waiting")
        snapshot = await gateway.snapshot(rebooking)
        summary = snapshot["sections"]["details"]["data"]["summary"]
        told = [
            (OutcomeState.SENDING, {"waiting": True}, ".notice[data-status]"),
            (OutcomeState.UNKNOWN, {}, ".notice[data-status]"),
            (OutcomeState.MANUAL, {"phone": "08-1"}, ".notice[data-status]"),
            (OutcomeState.OTHER_TIME, {"summary": summary}, ".box"),
            (OutcomeState.NOT_APPLIED, {}, ".bad"),
            (OutcomeState.REJECTED, {"result_text": LONG}, ".result"),
            (OutcomeState.CONFIRMED, {"summary": summary, "result_text": "Kom fastande."}, ".done"),
        ]
        for n, (state, more, seen) in enumerate(told, 2):
            await gateway.tell_outcome(rebooking, state, n=n, **more)
            await page.reload()
            await clean(page, wait=seen)
        gateway.events.broken = True
        await page.reload()
        await clean(page, wait="body:not([data-rebooking]) .done")


async def test_a_confirmation_prints_as_a_note(chromium: Any) -> None:
    """What was booked, black on white and every text of it whole, and nothing to press."""
    comment = "Jag har fått förhinder och behöver en annan tid. " * 3
    async with a_page(chromium, color_scheme="dark") as (page, gateway):
        rebooking = await to_outcome(page, gateway, comment=comment)
        summary = (await gateway.snapshot(rebooking))["sections"]["details"]["data"]["summary"]
        await gateway.tell_outcome(rebooking, OutcomeState.CONFIRMED, n=2, summary=summary)
        await page.reload()
        await page.wait_for_selector(".done")
        pressed = "main a.button, header a, button, .skip, .back, .screen"
        shown = "all => all.filter(one => one.offsetParent !== null && one.getClientRects().length).length"
        assert await page.eval_on_selector_all(pressed, shown) > 0, "there is nothing to leave out"
        await page.emulate_media(media="print")
        assert await page.eval_on_selector_all(pressed, shown) == 0
        box = page.locator(".box")
        assert "2 februari 2026" in await box.inner_text()
        assert await box.locator(".cut .whole").bounding_box() is not None
        assert await box.locator(".cut .short").bounding_box() is None
        assert await page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"
        colours = "one => [getComputedStyle(one).color, getComputedStyle(document.body).backgroundColor]"
        assert await box.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        assert (
            await page.locator(".done").evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(233, 245, 238)"
        )
