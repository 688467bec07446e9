"""Every pair of two patients over every address, frame and page: what isn't yours is not there.

What is asked comes from the served documents and from the table of routes, so that a new address can't be forgotten.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from services.gateway.examples import COMMANDS
from services.gateway.pages.adding import ROUTES as PAGES
from services.gateway.pages.steps import NEXT, STEPS
from services.gateway.routes import ROUTES
from tests.end_to_end.portal import Rebooking
from tests.security.marked import Marked, advance, mark_of, marked_system

NOBODYS = "0123456789abcdef" * 2
"""A rebooking that isn't there."""

TOGETHER = 16
"""How many requests are under way at once."""


@pytest.fixture
async def patients(tmp_path: Path) -> AsyncIterator[list[Marked]]:
    """Every demo patient, each with a rebooking of their own."""
    async with marked_system(tmp_path) as (_, found):
        await asyncio.gather(*(advance(patient) for patient in found))
        assert all(patient.rebooking_id for patient in found)
        assert any(patient.timeslot_id for patient in found)
        yield found


async def together(checks: list[Any]) -> None:
    """Do all of it, a few at once."""
    most = asyncio.Semaphore(TOGETHER)

    async def one(check: Any) -> None:
        async with most:
            await check

    await asyncio.gather(*map(one, checks))


def routes_of_a_rebooking() -> list[web.RouteDef]:
    """Every route whose address names a rebooking."""
    return [route for route in (*ROUTES, *PAGES) if isinstance(route, web.RouteDef) and "{id" in route.path]


def filled(path: str, rebooking_id: str) -> Iterator[str]:
    """A route's addresses, with this rebooking's id and each of the steps."""
    path = re.sub(r"\{id[^}]*\}(?=/|$)", rebooking_id, path.replace("[0-9a-f]{32}", ""))
    if "{step" not in path:
        yield path
        return
    for step in STEPS:
        yield re.sub(r"\{step[^}]*\}", step, path)


def bodies(document: dict[str, Any], route: web.RouteDef) -> list[Any]:
    """The examples that the served document gives for a route; one empty body where it gives none."""
    described = document["paths"].get(re.sub(r"\{id[^/]*", "{id}", route.path), {}).get(route.method.lower(), {})
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    return [example["value"] for example in content.get("examples", {}).values()] or [None]


async def by_interface(asking: Marked, route: web.RouteDef, owner: Marked, body: Any) -> None:
    """A portal of another patient is answered as if there were no such rebooking."""
    if isinstance(body, dict):  # the other's own timeslot, should it be asked for
        body = {**body, **({"timeslot_id": owner.timeslot_id} if "timeslot_id" in body and owner.timeslot_id else {})}
    for path, control in zip(filled(route.path, owner.rebooking_id), filled(route.path, NOBODYS), strict=True):
        found = await asking.ask(route.method, path, json=body)
        assert found == await asking.ask(route.method, control, json=body), path
        assert found[0] == 404, f"{route.method} {path}: {found}"


async def by_page(asking: Marked, route: web.RouteDef, owner: Marked) -> None:
    """So is a browser of another patient, whatever form it posts."""
    form = {"csrf": asking.csrf, "id": "one", "timeslot": owner.timeslot_id, "facility": owner.facility}
    for n, (path, control) in enumerate(
        zip(filled(route.path, owner.rebooking_id), filled(route.path, NOBODYS), strict=True)
    ):
        more = {"data": {**form, "do": list(COMMANDS)[n]}} if route.method == "POST" else {}
        status, led, page = await asking.browse(route.method, path, **more)
        assert (status, led) == (404, ""), f"{route.method} {path}: {status} {led}"
        other = await asking.browse(route.method, control, **more)
        assert page.replace(owner.rebooking_id.encode(), NOBODYS.encode()) == other[2], path


async def by_socket(asking: Marked, owner: Marked, frame: dict[str, Any], *, ticket: str | None) -> None:
    """A socket to another's rebooking is told and closed as one to none, whatever it says first."""
    told = []
    for rebooking_id in (owner.rebooking_id, NOBODYS):
        session = asking.browser if ticket else asking.portal.session
        headers = {"Origin": "https://portal.example"} if ticket else {}
        path = f"/v1/rebookings/{rebooking_id}/stream"
        async with session.ws_connect(path, protocols=["omboka.v1"], headers=headers) as socket:
            hello = {"type": "hello", "after": 0, **({"ticket": ticket} if ticket else {})}
            await socket.send_json(hello)
            await socket.send_json(frame)
            got = [asking.look_at(one.data.encode()) async for one in socket if one.type is aiohttp.WSMsgType.TEXT]
            told.append((got, socket.close_code))
    assert told[0] == told[1]
    assert told[0][1] == (4401 if ticket else 4404)


async def test_what_is_not_yours_is_not_there(patients: list[Marked]) -> None:
    """Every ordered pair: each address by portal and by browser, each frame by token and by one's own ticket."""
    http = json.loads((await patients[0].ask("GET", "/openapi.json"))[1])
    stream = json.loads((await patients[0].ask("GET", "/asyncapi.json"))[1])
    frames = [
        example["payload"]
        for name in stream["operations"]["listen"]["messages"]
        for example in stream["components"]["messages"][name["$ref"].rpartition("/")[2]]["examples"]
    ]
    assert {frame["type"] for frame in frames} == {"hello", "command", "ping"}
    routes = routes_of_a_rebooking()
    interface = [route for route in routes if route.path.startswith("/v1/") and not route.path.endswith("/stream")]
    pages = [route for route in routes if not route.path.startswith("/v1/")]
    assert len(interface) >= 4
    assert len(pages) >= 3

    checks: list[Any] = []
    for asking, owner in itertools.permutations(patients, 2):
        for route in interface:
            checks += [by_interface(asking, route, owner, body) for body in bodies(http, route)]
        checks += [by_page(asking, route, owner) for route in pages]
        checks += [by_socket(asking, owner, frame, ticket=None) for frame in frames]
        ticket = json.loads((await asking.ask("POST", f"/v1/rebookings/{asking.rebooking_id}/ticket"))[1])["ticket"]
        checks.append(by_socket(asking, owner, frames[0], ticket=ticket))
    await together(checks)

    assert not any(patient.foreign for patient in patients)


async def test_addresses_that_name_no_rebooking_tell_of_oneself_alone(patients: list[Marked]) -> None:
    """Each of them, as a portal and as a browser: only what bears one's own mark."""
    routes = [
        route
        for route in (*ROUTES, *PAGES)
        if isinstance(route, web.RouteDef) and "{" not in route.path and route.path not in ("/signout", "/session")
    ]
    for route in routes:
        for patient in patients[:4]:
            await patient.ask(route.method, route.path, params={"wait": "5"} if route.path == "/v1/bookings" else None)
            await patient.browse(route.method, route.path)
    assert all(patient.received > 10_000 for patient in patients[:4])
    assert not any(patient.foreign for patient in patients)


async def test_the_marks_are_really_there(patients: list[Marked]) -> None:
    """One's own answers bear one's own mark in timeslots, names and comment, so that a leak would be seen."""
    seen = [patient for patient in patients if patient.timeslot_id]
    assert len(seen) >= 3
    for patient in seen:
        snapshot = json.loads((await patient.ask("GET", f"/v1/rebookings/{patient.rebooking_id}"))[1])
        for part in (snapshot["sections"]["timeslots"], snapshot["subject_name"]):
            assert mark_of(patient.name) in json.dumps(part), patient.name


async def test_anothers_booking_is_as_one_that_does_not_exist(patients: list[Marked]) -> None:
    """To begin with another's booking id gives what any unknown id gives, by portal and on the page."""
    owner = next(one for one in patients if one.name == "saga")
    for asking in patients:
        if asking is owner:
            continue
        told = []
        for booking_id in (owner.booking_id, "no-such-booking"):
            async with await asking.portal.rebook(owner.facility, booking_id) as rebooking:
                while rebooking.sections.get("booking", {}).get("state", "loading") == "loading":
                    asking.look_at(json.dumps(await rebooking.frame()).encode())
                told.append(rebooking.sections["booking"])
            query = {"facility": owner.facility, "booking": booking_id}
            status, led, _ = await asking.browse("GET", "/rebook", params=query)
            assert status == 303
            assert re.fullmatch(r"/rebookings/[0-9a-f]{32}/terms", led)
        assert told[0]["problem"] == told[1]["problem"]
        assert "data" not in told[0]
    assert not any(patient.foreign for patient in patients)


async def test_the_others_timeslot_and_ticket_are_of_no_use_in_ones_own(patients: list[Marked]) -> None:
    """A timeslot of another's rebooking is as unknown as a made-up one; another's ticket doesn't renew a socket."""
    asking, owner = [one for one in patients if one.timeslot_id][:2]
    path = f"/v1/rebookings/{asking.rebooking_id}/commands"
    answers = [
        await asking.ask("POST", path, json={"id": name, "name": "choose_timeslot", "timeslot_id": timeslot})
        for name, timeslot in (("a", owner.timeslot_id), ("b", "A" * 22))
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 409

    given = await owner.ask("POST", f"/v1/rebookings/{owner.rebooking_id}/ticket")
    ticket = json.loads(given[1])["ticket"]
    rebooking = Rebooking(asking.portal, asking.rebooking_id)
    await rebooking.connect()
    socket = rebooking._socket
    assert socket is not None
    await socket.send_json({"type": "hello", "after": 0, "ticket": ticket})
    problem = await rebooking.expect_problem("not-authenticated")
    assert mark_of(owner.name) not in json.dumps(problem)
    await rebooking.disconnect()
    assert not any(patient.foreign for patient in patients)


def test_every_route_is_in_the_documents_or_a_page() -> None:
    """What the gateway serves under /v1 is described, so that the matrix above asks for it."""
    from services.gateway.openapi import OPERATIONS

    described = {(operation.method.upper(), operation.path) for operation in OPERATIONS}
    served = {(route.method, re.sub(r"\{id[^/]*", "{id}", route.path)) for route in ROUTES}
    assert {one for one in served if one[1].startswith("/v1/")} == {
        one for one in described if one[1].startswith("/v1/")
    }
    assert set(NEXT) <= set(COMMANDS)
