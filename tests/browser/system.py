"""The whole system for browsers: a patient for each visit, mishaps, and the way to a page without clicking there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from services.simulator.people import patients
from tests.browser.axe import violations, with_script
from tests.browser.weight import weighed
from tests.end_to_end.portal import Portal
from tests.end_to_end.stacks import LINDANGEN, Stack

PATIENTS = 40
STORIES = 10
"""How many patients have a story of their own; the ones after them have an ordinary booking each."""

NARROW, WIDE = 320, 1280


@dataclass(frozen=True)
class View:
    """How somebody looks at the pages."""

    language: str = "sv"
    script: bool = True
    width: int = WIDE

    def __str__(self) -> str:
        return f"{self.language}-{'script' if self.script else 'forms'}-{self.width}"

    @property
    def opposite(self) -> View:
        """The view that differs in everything."""
        return View("en" if self.language == "sv" else "sv", not self.script, NARROW + WIDE - self.width)


@dataclass(frozen=True)
class Booked:
    """A patient's number at the demo's entrance, and the booking that is theirs."""

    number: int
    facility: str
    booking_id: str

    @property
    def start(self) -> str:
        """Where their rebooking begins."""
        return f"/rebook?facility={self.facility}&booking={self.booking_id}"


@dataclass
class System:
    """A running system, and the patients that no test has taken yet."""

    stack: Stack
    free: list[Booked] = field(default_factory=list)

    @classmethod
    async def of(cls, stack: Stack) -> System:
        """Find who has an ordinary booking where everything is supported."""
        told = {one["subject"]: one for one in (await stack.simulator("GET", "/patients"))["patients"]}
        free = []
        for number, patient in list(enumerate(patients(PATIENTS)))[STORIES:]:
            for booking in told[patient.subject]["bookings"]:
                if booking["facility"] == LINDANGEN:
                    free.append(Booked(number, LINDANGEN, booking["booking_id"]))
        return cls(stack, free)

    @contextlib.asynccontextmanager
    async def visit(
        self, chromium: Browser, view: View, booked: Booked | None = None, **context: Any
    ) -> AsyncIterator[Visit]:
        """A browser whose patient is signed in; whatever its pages complain of fails the test at the end."""
        booked = booked or self.free.pop()
        browsing = await chromium.new_context(
            base_url=self.stack.base_url,
            locale={"sv": "sv-SE", "en": "en-GB"}[view.language],
            java_script_enabled=view.script,
            viewport={"width": view.width, "height": 800},
            **context,
        )
        page = await browsing.new_page()
        visit = Visit(self, browsing, page, booked, view)
        try:
            answer = await browsing.request.post("/demo/session", form={"patient": str(booked.number)}, max_redirects=0)
            assert answer.status == 303
            page.on("pageerror", lambda error: visit.complaints.append(str(error)))
            page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
            yield visit
            # a stop has the status of its problem, which Chromium counts as an error of the page
            assert [one for one in visit.complaints if "the server responded with a status of" not in one] == []
        finally:
            await browsing.close()

    async def to_summary(self, booked: Booked, language: str) -> str:
        """Go to the summary as a portal does; gives the rebooking's id."""
        patient = list(patients(PATIENTS))[booked.number]
        known = {"subject": patient.subject, "given_name": patient.given_name, "family_name": patient.family_name}
        portal = Portal(self.stack.base_url, self.stack.auth_key, known, now=self.stack.clock.now())
        async with portal, await portal.rebook(booked.facility, booked.booking_id, language=language) as rebooking:
            await rebooking.expect_ready("booking", "facilities", "terms")
            await rebooking.send("choose_facilities", facilities=[booked.facility])
            await rebooking.expect_ready("timeslots")
            await rebooking.send("choose_timeslot", timeslot_id=rebooking.free()[-1]["timeslot_id"])
            await rebooking.expect("details.ready")
            await rebooking.send("give_details", comment="Krockar med jobbet", phone="070-174 06 05")
            await rebooking.expect("details.ready")
            return rebooking.id


@dataclass
class Visit:
    """One patient's browser."""

    system: System
    browsing: BrowserContext
    page: Page
    booked: Booked
    view: View
    complaints: list[str] = field(default_factory=list)

    async def shows(self, text: str) -> None:
        """Wait until the page says something: as it arrives with script, without when the page has loaded itself."""
        await self.page.locator("main").get_by_text(text).first.wait_for()

    async def shows_part(self, selector: str) -> None:
        """Wait until the page has something, in the same way."""
        await self.page.locator(selector).first.wait_for(state="attached")

    async def accessible(self) -> None:
        """Axe finds nothing, nothing is wider than the window, and with script and all it weighs little."""
        found = await violations(self.page if self.view.script else await with_script(self.page))
        assert found == [], f"{self.page.url} ({self.view}): {found}"
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await self.page.evaluate(fits), f"{self.page.url} is wider than {self.view.width} pixels"
        if self.view.script:
            await weighed(self.page)
