"""The pages in a browser: what is filled in as it arrives, the calendar's keys, the fields' rules."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet

import pytest
from playwright.async_api import BrowserContext

from shared.contracts.commands import SearchFurtherDays
from shared.contracts.sections import OutcomeState
from tests.builders.gateway import NOT_REBOOKABLE, OTHER, OWN, Gateway, a_timeslot
from tests.builders.pages import a_visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WITHOUT_SCRIPT: WeakSet[BrowserContext] = WeakSet()
"""The browsers that run no scripts: a page can't be asked for it while it goes on to another."""


@asynccontextmanager
async def a_page(
    chromium: Any, line: Any = None, deps: dict[str, Any] | None = None, **context: Any
) -> AsyncIterator[tuple[Any, Gateway]]:
    """A browser's page of a patient who has begun to rebook; fails on whatever the browser complains of.

    `line` stands between the page's WebSocket and the gateway; `deps` replace parts of the gateway's. Without script a
    waiting page is asked for again by its test, and not by itself.
    """
    async with a_visit(signed_in=False, **{"refresh_seconds": 3600, **(deps or {})}) as visit:
        base = str(visit.gateway.client.make_url("")).rstrip("/")
        browsing = await chromium.new_context(**{"locale": "sv-SE", "base_url": base, **context})
        if not context.get("java_script_enabled", True):
            WITHOUT_SCRIPT.add(browsing)
        page = await browsing.new_page()
        if line is not None:
            await page.route_web_socket("**/stream", line)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        answer = await browsing.request.post("/demo/session", form={"patient": "0"}, max_redirects=0)
        assert answer.status == 303
        await page.goto(f"/rebook?facility={OWN}&booking=B1")
        yield page, visit.gateway
        # a refused form, a stop and a missing session have such a status, which Chromium counts as an error
        assert [one for one in complaints if "the server responded with a status of" not in one] == []
        await browsing.close()


def runs_scripts(page: Any) -> bool:
    """Whether the page's browser does."""
    return page.context not in WITHOUT_SCRIPT


async def arrived(page: Any, selector: str) -> None:
    """Wait until the page has something; one without script is asked for again, as its reader would."""
    if not await page.locator(selector).count() and not runs_scripts(page):
        await page.reload()
    await page.wait_for_selector(selector)


async def to_days(page: Any, gateway: Gateway, **timeslot: Any) -> None:
    """Leave page 1 and have two days and a timeslot arrive."""
    await gateway.tell_booking()
    await gateway.tell_facilities(OWN, OTHER)
    await arrived(page, "#field-facilities")
    await page.click("button[value=choose_facilities]")
    await page.wait_for_url("**/time")
    await gateway.settle()
    await gateway.tell_days("2026-02-02", "2026-02-04")
    await gateway.tell_timeslots(a_timeslot(**timeslot))
    await arrived(page, ".timeslots button")


async def test_each_part_is_filled_in_as_it_arrives(chromium: Any) -> None:
    """Booking, facilities, days and timeslots come without a reload, and the focus stays where it was."""
    async with a_page(chromium) as (page, gateway):
        await page.evaluate("window.same = true")
        await gateway.tell_booking()
        await page.wait_for_selector("[data-part=booking] .box")
        await gateway.tell_facilities(OWN, OTHER)
        await page.wait_for_selector("#field-facilities")
        assert await page.evaluate("window.same") is True
        await page.focus("#field-facilities")
        await gateway.tell_facilities(OWN, OTHER)
        await page.wait_for_timeout(200)
        assert await page.evaluate("document.activeElement.id") == "field-facilities"


async def test_terms_follow_the_choice_at_once(chromium: Any) -> None:
    """Choosing another facility shows its terms and hides the other's, without asking anybody."""
    async with a_page(chromium) as (page, gateway):
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN, OTHER)
        await page.select_option("#field-facilities", OTHER)
        assert await page.is_visible(f".terms[data-facility={OTHER}]")
        assert not await page.is_visible(f".terms[data-facility={OWN}]")
        await page.select_option("#field-facilities", "all")
        assert await page.is_visible(f".terms[data-facility={OWN}]")


async def pressed_too_soon(page: Any, gateway: Gateway) -> None:
    """The button is pressed where no facility can be chosen beforehand, and none has been."""
    await gateway.tell_booking()
    await gateway.tell_facilities(OTHER, NOT_REBOOKABLE)
    await page.wait_for_selector("#onward[aria-disabled=true]")
    await page.click("#onward", force=True)


async def test_without_a_facility_the_button_says_why(chromium: Any) -> None:
    """Where none can be chosen beforehand the button is greyed, says why when pressed, and leads to the choice."""
    async with a_page(chromium) as (page, gateway):
        await pressed_too_soon(page, gateway)
        assert await page.text_content("#onward-why") == "Välj mottagning först."
        assert await page.evaluate("document.activeElement.id") == "field-facilities"
        await page.select_option("#field-facilities", OTHER)
        assert await page.text_content("#onward-why") == ""
        await page.click("#onward")
        await page.wait_for_url("**/time")


async def test_what_to_choose_first_is_no_longer_said_when_there_is_nothing_to_choose(chromium: Any) -> None:
    """When the list of facilities has failed the own one is searched, and the button no longer says what is missing."""
    async with a_page(chromium) as (page, gateway):
        await pressed_too_soon(page, gateway)
        await page.wait_for_selector("#onward-why:has-text('Välj mottagning först.')")
        await gateway.tell_facilities()
        await page.wait_for_selector("#field-facilities", state="detached")
        assert await page.text_content("#onward-why") == ""
        await page.click("#onward")
        await page.wait_for_url("**/time")


async def test_a_chosen_day_moves_focus_to_its_times(chromium: Any) -> None:
    """Enter on a free day asks for its timeslots and leads to «VÄLJ TID»; the count is announced."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        await page.focus("#day-2026-02-04")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#choose-time:focus")
        await gateway.settle()
        await gateway.tell_timeslots(a_timeslot(start="20260204090000", end="20260204093000"))
        await page.wait_for_selector("#status:has-text('1 ledig tid')", state="attached")
        assert await page.evaluate("document.activeElement.id") == "choose-time"


async def test_the_next_month_is_searched_only_when_it_must(chromium: Any) -> None:
    """The month after the last one searched is searched; one that is searched is only shown."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        await page.click("#previous-month")
        await page.wait_for_selector("#month:text-is('januari 2026')")
        asked = len(gateway.publisher.messages)
        await page.click("#next-month")
        await page.wait_for_selector("#month:text-is('februari 2026')")
        assert len(gateway.publisher.messages) == asked
        await page.click("#next-month")
        await page.wait_for_url("**/time?month=2026-03")
        await gateway.settle()
        assert len(gateway.publisher.messages) == asked + 1


async def test_a_late_answer_about_the_month_one_has_left_turns_back_to_nothing(chromium: Any) -> None:
    """The page draws itself anew for an event; meanwhile another month is searched, and the drawing comes then."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        late, asked = asyncio.Event(), asyncio.Event()

        async def held(route: Any) -> None:
            asked.set()
            await late.wait()
            await route.continue_()

        await page.route(page.url, held, times=1)
        await gateway.tell_timeslots(a_timeslot(start="20260202110000", end="20260202113000"))
        await asyncio.wait_for(asked.wait(), 30)
        await page.click("#further")
        await page.wait_for_url("**/time?month=2026-03")
        await gateway.settle()
        late.set()
        days = ("2026-02-02", "2026-03-03")
        await gateway.tell_days(*days, last_day=dt.date(2026, 3, 31), chosen="2026-02-02")
        await page.wait_for_selector("#month:text-is('mars 2026')")
        assert page.url.endswith("?month=2026-03")


@pytest.mark.parametrize("button", ["#further", "#next-month"])
async def test_searching_further_searches_the_month_after_and_shows_it(chromium: Any, button: str) -> None:
    """Both buttons search the month after the last one searched, once; they then name and show that month."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        asked = len(gateway.publisher.messages)
        assert await page.text_content("#further") == "Sök längre fram i tiden efter 28 februari 2026"
        await page.click(button)
        await page.wait_for_url("**/time?month=2026-03")
        await gateway.settle()
        assert len(gateway.publisher.messages) == asked + 1
        searched = gateway.last_look_up
        assert isinstance(searched, SearchFurtherDays)
        assert searched.found.last_day == dt.date(2026, 2, 28)
        days = ("2026-02-02", "2026-02-04", "2026-03-03")
        await gateway.tell_days(*days, last_day=dt.date(2026, 3, 31), chosen="2026-02-02")
        await page.wait_for_selector("#further:text-is('Sök längre fram i tiden efter 31 mars 2026')")
        await page.wait_for_selector("#month:text-is('mars 2026')")
        await page.wait_for_selector("td.free #day-2026-03-03")


async def to_details(page: Any, gateway: Gateway) -> None:
    """Come to page 3, whose rules are there and whose fields are empty."""
    await to_days(page, gateway)
    await page.click(".timeslots button")
    await page.wait_for_selector("button.main[aria-disabled=true]")
    await page.fill("#field-phone", "")


PASTE = """(field, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text", text);
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


async def test_what_is_written_for_the_patient_outlives_a_reload(chromium: Any) -> None:
    """A paste that was filtered, a guessed word and a cleaned comment are kept like what the patient writes."""
    async with a_page(chromium) as (page, gateway):
        await to_details(page, gateway)
        await page.eval_on_selector("#field-phone", PASTE, "tel 070/1")
        assert await page.input_value("#field-phone") == " 0701"
        await page.reload()
        await page.wait_for_selector("button.main[aria-disabled=true]")
        assert await page.input_value("#field-phone") == " 0701"
        await page.fill("#field-comment", "a<b")
        await page.click("#comment-clean")
        assert await page.text_content("#comment-faults") == ""
        await page.reload()
        await page.wait_for_selector("button.main[aria-disabled=false]")
        assert await page.input_value("#field-comment") == "ab"
        assert await page.input_value("#field-phone") == " 0701"
        await page.press("#field-phone", "End")
        await page.keyboard.insert_text("x23")
        await page.reload()
        await page.wait_for_selector("button.main[aria-disabled=false]")
        assert await page.input_value("#field-phone") == " 070123"


async def test_the_fields_longest_texts(chromium: Any) -> None:
    """A comment of 500 code points is taken and one more is told; a phone number of more than 30 signs is cut."""
    async with a_page(chromium) as (page, gateway):
        await to_details(page, gateway)
        await page.fill("#field-comment", " " + "å" * 499 + "\u0061\u030a ")
        assert await page.text_content("#comment-faults") == ""
        await page.fill("#field-comment", "å" * 501)
        assert await page.text_content("#comment-faults") == "Skriv högst 500 tecken."
        await page.fill("#field-comment", "å" * 500)
        await page.eval_on_selector("#field-phone", PASTE, "0" * 30)
        assert await page.input_value("#field-phone") == "0" * 30
        await page.eval_on_selector("#field-phone", PASTE, "1")
        await page.press("#field-phone", "2")
        assert await page.input_value("#field-phone") == "0" * 30
        await page.click("button.main")
        await page.wait_for_url("**/summary")


async def test_comment_and_phone_are_checked_as_they_are_written(chromium: Any) -> None:
    """The button is greyed until there is a comment and says why; refused characters are named and can be removed."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        await page.click(".timeslots button")
        await page.wait_for_selector("button.main[aria-disabled=true]")
        await page.click("button.main", force=True)
        assert await page.text_content("#comment-faults") == "Skriv anledningen först."
        await page.fill("#field-comment", "a<b & c")
        assert await page.text_content("#comment-faults") == "Otillåtna tecken: < &"
        await page.click("#comment-clean")
        assert await page.input_value("#field-comment") == "ab  c"
        await page.fill("#field-phone", "")
        await page.type("#field-phone", "07x0-1")
        assert await page.input_value("#field-phone") == "070-1"
        await page.click("button.main")
        await page.wait_for_url("**/summary")


async def test_an_outcome_turns_into_another_while_one_looks(chromium: Any) -> None:
    """Accepted becomes unknown becomes confirmed, without a reload."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        await page.click(".timeslots button")
        await page.wait_for_selector("button.main[aria-disabled=true]")
        await page.fill("#field-comment", "Krockar")
        await page.click("button.main")
        await page.wait_for_url("**/summary")
        await page.click("button.main")
        await page.wait_for_url("**/outcome")
        rebooking = page.url.split("/")[-2]
        await gateway.tell_outcome(rebooking, OutcomeState.UNKNOWN, n=2)
        await page.wait_for_selector("text=Vi vet ännu inte")
        await gateway.tell_outcome(rebooking, OutcomeState.CONFIRMED, n=3)
        await page.wait_for_selector(".done")


@pytest.mark.parametrize("width", [320, 900])
async def test_nothing_is_wider_than_the_window(chromium: Any, width: int) -> None:
    """At 320 pixels and on a desktop the page needs no scrolling sideways."""
    async with a_page(chromium, viewport={"width": width, "height": 800}) as (page, gateway):
        await to_days(page, gateway)
        assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
