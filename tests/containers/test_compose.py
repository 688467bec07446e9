"""The compose file: from nothing to a healthy system, scaled, through which a booking is moved, whatever is killed."""

from __future__ import annotations

import re
import time
import uuid

import aiohttp
import pytest

from tests.containers.compose_project import SCALE, Compose, docker, wait_until_healthy
from tests.containers.left_behind import CANARY, nobody_was_named
from tests.containers.moving import (
    BOOKING,
    booking_of,
    client,
    come_to_summary,
    come_to_timeslots,
    confirm,
    free,
    outcome_of,
)
from tests.containers.watched import EVERYBODY, Watched, until
from tests.end_to_end.stacks import LINDANGEN, PATIENTS

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]


async def moved(compose: Compose) -> str:
    """Move the booking through nginx, over a WebSocket; gives the rebooking's id."""
    async with client(compose) as ws:
        await come_to_timeslots(ws)
        assert (await confirm(ws))["state"] == "confirmed"
        return ws.id


async def test_a_booking_is_moved_through_every_container(compose: Compose) -> None:
    """Behind nginx, WebSocket included, whichever gateway takes which request; the list shows the new time."""
    for role, count in SCALE.items():
        assert len(compose.containers(role)) == count
    async with client(compose) as ws:
        await come_to_timeslots(ws)
        chosen = free(ws)[0]
        assert (await confirm(ws))["state"] == "confirmed"
    async with compose.portal() as portal:
        (booking,) = (await portal.bookings(facility=LINDANGEN))["bookings"]
    assert booking["start"] == chosen["start"]


async def test_both_gateways_serve_through_the_one_address(compose: Compose) -> None:
    """Scaling is seen by nginx: each gateway has answered requests that came to its port."""
    async with compose.portal() as portal:
        for _ in range(20):
            await portal.get("/v1/me")
    for container in compose.containers("gateway"):
        assert '"message": "GET /v1/me 200' in docker("logs", container, errors=True)


async def test_a_token_made_in_the_gateways_container_is_taken(compose: Compose) -> None:
    """As the README says: no key has to leave the container to ask the interface for a demo patient's bookings."""
    saga = ("--subject", "198706222380", "--given-name", "Saga", "--family-name", "Ekström")
    token = compose.run("exec", "-T", "gateway", "omboka", "token", *saga).strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{compose.url}/v1/bookings") as answer:
        assert answer.status == 200
        assert (await answer.json())["bookings"]


async def test_a_patient_comes_in_by_the_demos_entrance(compose: Compose) -> None:
    """The page that the two lines of the README end with, as a browser has it: a cookie, and a token in each form."""
    jar = aiohttp.CookieJar(unsafe=True)  # the address is a number
    async with aiohttp.ClientSession(compose.url, cookie_jar=jar, headers={"Origin": compose.url}) as browser:

        async def shown(method: str, path: str, **fields: str) -> str:
            async with browser.request(method, path, data=fields or None) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.text()

        entrance = await shown("GET", "/")
        assert "Välj en testpatient" in entrance
        found = re.search(r'name="patient" value="(\d+)"><span>Saga Ekström<', entrance)
        assert found is not None, entrance
        page = await shown("POST", "/demo/session", patient=found[1])
        assert "<h1>Bokade tider</h1>" in page
        page = await shown("GET", f"/bookings?facility={LINDANGEN}")
        assert "<h1>Mina bokade tider</h1>" in page
        assert f"/rebook?facility={LINDANGEN}&amp;booking={BOOKING}" in page
        for forged in ({}, {"csrf": "gissad"}):
            async with browser.post("/signout", data=forged) as refused:
                assert refused.status == 403
        (token,) = re.findall(r'action="/signout"><input type="hidden" name="csrf" value="([^"]+)"', page)
        assert "Välj en testpatient" in await shown("POST", "/signout", csrf=token)
        async with browser.post(
            "/demo/session", data={"patient": found[1]}, headers={"Origin": "https://evil.example"}
        ) as foreign:
            assert foreign.status == 403
    told = docker("logs", compose.containers("gateway")[0], errors=True)
    assert "ANYBODY who reaches this gateway may sign in" in told


async def test_a_patients_number_and_name_stay_nowhere(compose: Compose) -> None:
    """Also not where a client puts it that shouldn't, and nginx refuses the request or finds no gateway: 0 hits."""
    number = PATIENTS["saga"]["subject"]
    headers = {"X-Note": number, "traceparent": f"00-{number}-1-01", "Referer": f"{compose.url}/{number}"}
    async with client(compose, family_name=CANARY) as ws:
        await come_to_timeslots(ws)
        assert (await confirm(ws))["state"] == "confirmed"
    async with compose.portal(family_name=CANARY) as portal:
        await portal.bookings(facility=LINDANGEN)
        for method, path, body in (
            ("GET", f"/{number}?{number}={number}", None),
            ("GET", f"/v1/bookings?facility={number}", None),
            ("POST", "/v1/rebookings", f'{{"{number}": "{number}"}}'),
            # nginx refuses this one itself, and notes it in its own error log
            ("POST", f"/v1/rebookings/{number}/commands", "x" * 100_000),
        ):
            async with portal.session.request(method, compose.url + path, data=body, headers=headers) as answer:
                assert 400 <= answer.status < 500, (method, path, await answer.text())
        compose.run("stop", "gateway")
        try:
            async with portal.session.get(f"{compose.url}/{number}", headers=headers) as answer:
                assert answer.status in (502, 504)
        finally:
            compose.up()
    (nginx,) = compose.containers("nginx")
    assert re.search("GET 50[24] gateway", docker("logs", nginx, errors=True))
    nobody_was_named(compose)


SERVICES = ("nginx", *SCALE, "simulator", "events", "cache", "rabbitmq", "postgres", "prometheus")


@pytest.mark.parametrize("service", SERVICES)
async def test_containers_that_are_killed_come_back_and_nothing_is_lost(compose: Compose, service: str) -> None:
    """Every container of a service killed with -9 in the middle of a rebooking, which then goes on to its end."""
    async with client(compose) as ws:
        await come_to_timeslots(ws)
        killed = time.time()
        compose.run("kill", "-s", "KILL", service)
        compose.up()
        assert (await confirm(ws))["state"] == "confirmed"
        seqs = [event["seq"] for event in ws.events]
    assert seqs == list(range(1, len(seqs) + 1))
    if service == "prometheus":
        watched = Watched(compose)
        await until(lambda: watched.up(since=killed) == EVERYBODY, "every process is read again")


@pytest.mark.parametrize("service", ["nginx", "events", "cache", "rabbitmq", "postgres"])
async def test_a_server_that_is_restarted_is_found_again(compose: Compose, service: str) -> None:
    """Ended well and started again at once, as at an upgrade: nothing of ours has to be restarted with it."""
    async with client(compose) as ws:
        await come_to_timeslots(ws)
        (container,) = compose.containers(service)
        docker("restart", container)
        wait_until_healthy(container)
        assert (await confirm(ws))["state"] == "confirmed"


async def test_down_and_up_loses_nothing(compose: Compose) -> None:
    """Every container is made anew.

    What a client could still ask for is still there, event by event; who was choosing goes on choosing; who was told
    only that their rebooking is accepted is told how it ended.
    """
    before = await moved(compose)
    async with compose.portal() as portal:
        told = await portal.get(f"/v1/rebookings/{before}/events")
    nobody_was_named(compose)
    async with client(compose, "elias") as choosing, client(compose, "nils") as accepted:
        await come_to_timeslots(choosing, *await booking_of(compose, "elias"))
        await come_to_timeslots(accepted, *await booking_of(compose, "nils"))
        wanted = free(accepted)[0]
        await come_to_summary(accepted)
        let_update_hang(compose)
        command = await accepted.send("confirm")
        await accepted.expect("rebooking.sending", command=command)
        compose.run("down")
        compose.up()
        async with compose.portal() as portal:
            snapshot = await portal.get(f"/v1/rebookings/{before}")
            assert snapshot["outcome"]["state"] == "confirmed"
            assert await portal.get(f"/v1/rebookings/{before}/events") == told
        assert (await confirm(choosing))["state"] == "confirmed"
        assert (await outcome_of(accepted, command))["state"] == "confirmed"
        assert not any(event["name"] == "section.failed" for event in choosing.events)
    async with compose.portal("nils") as portal:
        assert wanted["start"] in [one["start"] for one in (await portal.bookings())["bookings"]]
    await moved(compose)


def let_update_hang(compose: Compose) -> None:
    """The next rebooking at Lindängen is done, and its answer doesn't come; nobody outside reaches the simulator."""
    put = (
        "import urllib.request as u; u.urlopen(u.Request("
        f"'http://127.0.0.1:8090/_sim/mishaps/{LINDANGEN}/UpdateBooking', method='PUT', "
        """data=b'{"kind": "hang", "applied": true, "times": 1}'))"""
    )
    compose.run("exec", "-T", "simulator", "python", "-c", put)


async def test_what_the_event_log_forgets_leaves_its_file(compose: Compose) -> None:
    """Its file on disk holds what has come to its end until about a megabyte more has been written."""
    secret = uuid.uuid4().hex

    def redis(*arguments: str) -> str:
        return compose.run("exec", "-T", "events", "redis-cli", *arguments)

    def kept() -> bool:
        look = f"cat /data/appendonlydir/* | grep -c {secret} || true"
        return int(compose.run("exec", "-T", "events", "sh", "-c", look)) > 0

    redis("set", "omboka:of-this-test", secret, "px", "1")
    assert kept()
    size = int(re.findall(r"aof_base_size:(\d+)", redis("info", "persistence"))[0])
    much = "for _ = 1, ARGV[1] do redis.call('set', KEYS[1], string.rep('-', 65536)) end redis.call('del', KEYS[1])"
    redis("eval", much, "1", "omboka:of-this-test", str((2 * size + 2**20) // 65536 + 1))
    await until(lambda: not kept(), "the file is rewritten")


def test_every_role_is_confined(compose: Compose) -> None:
    """Not root, nothing writable, no capabilities; and the gateway's image holds no SOAP client."""
    assert compose.run("exec", "-T", "gateway", "id", "-u").strip() == "10001"
    for role in ("gateway", "availability", "booking"):
        assert compose.run("exec", "-T", role, "sh", "-c", "touch /opt/x || echo refused").strip() == "refused"
    listed = "import importlib.util as u; print([n for n in ('zeep', 'services.booking') if u.find_spec(n)])"
    assert compose.run("exec", "-T", "gateway", "python", "-c", listed).strip() == "[]"
