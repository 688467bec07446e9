"""What a broken connection, a reload and a second look may not lose."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Request, WebSocketRoute

from shared.contracts.sections import OutcomeState
from tests.browser.test_pages import a_page, to_days
from tests.builders.gateway import OTHER, OWN, Gateway, a_timeslot

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


class Line:
    """The WebSocket between page and gateway, which can be cut."""

    def __init__(self) -> None:
        self.cut = False
        self.asked_after: list[int] = []
        self._asked = asyncio.Event()
        self._open: list[WebSocketRoute] = []

    async def connect(self, socket: WebSocketRoute) -> None:
        """Pass everything on, or hang up."""
        if self.cut:
            await socket.close(code=1012)
            return
        server = socket.connect_to_server()
        socket.on_message(lambda message: self._pass(server, message))
        self._open.append(socket)

    def _pass(self, server: WebSocketRoute, message: str | bytes) -> None:
        self._note(json.loads(message)["after"])
        server.send(message)

    def polled(self, request: Request) -> None:
        """Note a long poll: where breaking takes long, the page asks so in place of sockets that never open."""
        after = parse_qs(urlsplit(request.url).query).get("after")
        if after:
            self._note(int(after[0]))

    def _note(self, after: int) -> None:
        self.asked_after.append(after)
        self._asked.set()

    async def asked_again(self) -> None:
        """Wait until the page has asked since the line was cut."""
        async with asyncio.timeout(30):
            await self._asked.wait()

    async def break_off(self) -> None:
        """Cut every connection, and refuse new ones; what was asked before doesn't count any more."""
        self.cut = True
        self.asked_after.clear()
        self._asked.clear()
        for socket in self._open:
            await socket.close(code=1012)
        self._open.clear()


async def test_a_connection_that_breaks_in_the_middle_resumes_where_it_was(chromium: Any) -> None:
    """While it is broken the page says so and loses nothing; then it asks for what came after the last event."""
    line = Line()
    async with a_page(chromium, line=line.connect) as (page, gateway):
        await to_days(page, gateway)
        await page.reload()
        await page.wait_for_selector(".timeslots button")
        await page.focus("#day-2026-02-04")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#choose-time:focus")
        page.on("request", line.polled)
        await line.break_off()
        await page.wait_for_selector("#connection:has-text('Kontakten med tjänsten är bruten')")
        await gateway.settle()
        await gateway.tell_timeslots(a_timeslot(start="20260204090000", end="20260204093000"))
        line.cut = False
        await page.wait_for_selector(".timeslots button:has-text('09:00')")
        await page.wait_for_selector("#connection", state="hidden")
        # The page may have drawn itself anew before: that is no following, which it has to ask for all the same.
        await line.asked_again()
        assert min(line.asked_after) > 1
        assert await page.evaluate("document.activeElement.id") == "choose-time"


SHOWN = """[...document.querySelectorAll("main > :not(#status)")]
  .map(one => one.innerText.replace(/\\d+ s/g, "")).concat(
  [...document.querySelectorAll("main select, main textarea, main input:not([type=hidden])")].map(one => one.value))"""


async def same_after_reload(page: Page, gateway: Gateway) -> None:
    """A reload shows what was there, with what was written, and nobody is asked again."""
    asked, before = len(gateway.publisher.messages), await page.evaluate(SHOWN)
    await page.reload()
    await page.wait_for_selector("html.script")
    assert await page.evaluate(SHOWN) == before
    await gateway.settle()
    assert len(gateway.publisher.messages) == asked


async def test_a_reload_at_each_step_loses_nothing(chromium: Any) -> None:
    """Terms, days and timeslots, a comment half written, the summary and the outcome are there after a reload."""
    async with a_page(chromium) as (page, gateway):
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN, OTHER)
        await page.wait_for_selector("#field-facilities")
        await same_after_reload(page, gateway)
        await to_days(page, gateway)
        await same_after_reload(page, gateway)
        await page.click(".timeslots button")
        await page.wait_for_selector("button.main[aria-disabled=true]")
        await page.fill("#field-comment", "Halvskriv")
        await page.fill("#field-phone", "070-174")
        await same_after_reload(page, gateway)
        await page.click("button.main")
        await page.wait_for_url("**/summary")
        await same_after_reload(page, gateway)
        await page.click("button.main")
        await page.wait_for_url("**/outcome")
        await same_after_reload(page, gateway)
        await gateway.tell_outcome(page.url.split("/")[-2], OutcomeState.UNKNOWN, n=2)
        await page.wait_for_selector("text=Vi vet ännu inte")
        await same_after_reload(page, gateway)
        assert len(gateway.ledger.rows) == 1


async def test_what_is_chosen_in_a_list_outlives_what_arrives(chromium: Any) -> None:
    """A facility that is picked and not yet sent stays picked when the list of facilities comes anew."""
    async with a_page(chromium) as (page, gateway):
        await gateway.tell_booking()
        await gateway.tell_facilities(OTHER)
        await page.select_option("#field-facilities", OTHER)
        await gateway.tell_facilities(OWN, OTHER)
        await page.wait_for_selector("#field-facilities option[value=all]", state="attached")
        assert await page.input_value("#field-facilities") == OTHER


async def test_late_timeslots_move_nothing_under_a_finger(chromium: Any) -> None:
    """While a list of times has the focus, earlier times that arrive are put after the ones that were there."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        first = await page.get_attribute(".timeslots button", "id")
        await page.focus(f"#{first}")
        early = a_timeslot(start="20260202080000", end="20260202083000")
        message = gateway.last_look_up
        await gateway.tell_timeslots(a_timeslot(), early, to=message)
        await page.wait_for_selector(".timeslots button:has-text('08:00')")
        ids = await page.eval_on_selector_all(".timeslots button", "all => all.map(one => one.id)")
        assert ids[0] == first
        assert await page.evaluate("document.activeElement.id") == first


async def test_who_signs_out_elsewhere_is_told(chromium: Any) -> None:
    """A page whose session is gone says so when it next asks, instead of waiting for ever."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        await page.context.clear_cookies()
        await gateway.tell_timeslots(a_timeslot(start="20260202110000", end="20260202113000"))
        await page.wait_for_selector("h1:has-text('Du är inte inloggad')")
