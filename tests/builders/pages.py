"""The pages to test: a gateway with them on in-memory adapters, and a visitor without JavaScript."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from services.gateway.app import make_app
from services.gateway.deps import Deps
from services.gateway.pages import add_pages
from shared.audit.audit_log import MemoryAudit
from shared.clock import FixedClock
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity
from shared.messaging.tickets_memory import MemoryTickets
from tests.builders.gateway import (
    AUTH_KEY,
    NOW,
    SESSION_KEY,
    SUBJECT,
    BreakableLog,
    Gateway,
    RememberingLedger,
    RememberingPublisher,
    a_configuration,
    a_sealer,
)

TOLVAN = SubjectOfCareId(SUBJECT)
PATIENT = Identity(
    subject=TOLVAN,
    given_name="Tolvan",
    family_name="Tolvansson",
    phone="070-123 45 67",
    actor=Actor(id=TOLVAN, type=ActorType.SUBJECT_OF_CARE),
)


@dataclass
class Shown:
    """A page as a browser without JavaScript has it; `path` is where the redirects ended, with its query."""

    status: int
    path: str
    html: str
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """The words of the page's content."""
        body = re.sub(r"<[^>]+>", " ", self.html[self.html.index("<main") :])
        return re.sub(r"\s+", " ", unescape(body)).strip()

    def form(self, do: str) -> dict[str, str]:
        """The hidden fields of the form that does something; it must be there."""
        outside = re.search(rf'<button[^>]* form="(\w+)"[^>]* value="{do}"', self.html)
        for form in re.findall(r"<form.*?</form>", self.html, re.DOTALL):
            if f'value="{do}"' in form or (outside and f'id="{outside[1]}"' in form):
                hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
                return {**{name: unescape(value) for name, value in hidden}, "do": do}
        raise AssertionError(f"there is no form that does {do}: {self.text}")


@dataclass
class Visit:
    """A signed-in visitor without JavaScript, and the gateway behind the pages."""

    gateway: Gateway

    async def get(self, path: str, **headers: str) -> Shown:
        """Open a page, redirects followed."""
        async with self.gateway.client.get(path, headers=headers) as answer:
            return Shown(answer.status, answer.url.path_qs, await answer.text(), dict(answer.headers))

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Shown:
        """Send a form, redirects followed."""
        async with self.gateway.client.post(path, data=fields, headers=headers) as answer:
            await self.gateway.settle()
            return Shown(answer.status, answer.url.path_qs, await answer.text(), dict(answer.headers))

    async def send(self, page: Shown, do: str, **fields: str) -> Shown:
        """Send one of a page's forms."""
        return await self.post(page.path.partition("?")[0], {**page.form(do), **fields})


@asynccontextmanager
async def a_visit(*, signed_in: bool = True, **changes: Any) -> AsyncIterator[Visit]:
    """A visit to a demo's pages at 9 o'clock on 15 January 2026; `changes` replace parts of its Deps."""
    clock = FixedClock(NOW)
    events, publisher, ledger = BreakableLog(clock), RememberingPublisher(), RememberingLedger(clock)
    parts: dict[str, Any] = {
        "configuration": a_configuration(),
        "events": events,
        "publisher": publisher,
        "ledger": ledger,
        "tickets": MemoryTickets(clock),
        "audit": MemoryAudit(),
        "sealer": a_sealer(),
        "session_key": SESSION_KEY,
        "clock": clock,
        "auth_key": AUTH_KEY,
        "demo_patients": (PATIENT,),
    }
    deps = Deps(**{**parts, **changes})
    app = make_app(deps)
    add_pages(app)
    async with TestClient(TestServer(app)) as client:
        if signed_in:
            # the cookie alone: the list that follows would wait for a worker
            async with client.post("/demo/session", data={"patient": "0"}, allow_redirects=False) as answer:
                assert answer.status == 303
        yield Visit(Gateway(client, deps, clock, events, publisher, ledger))
