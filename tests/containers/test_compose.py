"""The compose file: from nothing to a healthy system, scaled, through which a booking is moved, whatever is killed."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from tests.end_to_end.portal import Portal
from tests.end_to_end.stacks import LINDANGEN, PATIENTS

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
BOOKING = "1HZ5-0100001"
SCALED = ("--scale", "gateway=2", "--scale", "availability=2", "--scale", "booking=2")


@dataclass(frozen=True)
class Compose:
    """A compose project of this test's own."""

    name: str
    port: int

    def run(self, *arguments: str) -> str:
        """Run a compose command; what it says when it fails is the test's failure."""
        command = ["docker", "compose", "-p", self.name, "-f", "deploy/docker-compose.yml", "--profile", "demo"]
        environment = {**os.environ, "OMBOKA_PORT": str(self.port), "OMBOKA_TAG": "test"}
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False
        )
        if done.returncode != 0:
            pytest.fail(f"docker compose {' '.join(arguments)}:\n{done.stderr[-3000:]}", pytrace=False)
        return done.stdout

    def up(self) -> None:
        """Bring everything up, healthy, with two of each role."""
        self.run("up", "--build", "--wait", "-d", *SCALED)

    def portal(self) -> Portal:
        """A demo patient's portal, with the development key that the system has made."""
        key = self.run("exec", "-T", "gateway", "cat", "/prepared/auth_key")
        return Portal(f"http://127.0.0.1:{self.port}", key, PATIENTS["saga"])


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    """The system, up and healthy from nothing; nothing of it is left after."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        pytest.fail("this test needs a Docker engine with Compose: start one", pytrace=False)
    project = Compose(f"omboka-{uuid.uuid4().hex[:8]}", unused_port())
    try:
        project.up()
        yield project
    finally:
        project.run("down", "-v", "--remove-orphans")


async def moved(compose: Compose) -> str:
    """Move the booking through nginx, over a WebSocket; gives the rebooking's id."""
    async with compose.portal() as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
        await rebooking.go_to_days()
        timeslot = await rebooking.go_to_summary()
        assert (await rebooking.confirm())["state"] == "confirmed"
        (booking,) = (await portal.bookings(facility=LINDANGEN))["bookings"]
        assert booking["start"] == timeslot["start"]
        return rebooking.id


async def test_a_booking_is_moved_through_two_of_each_role(compose: Compose) -> None:
    """Behind nginx, WebSocket included, whichever gateway takes which request."""
    await moved(compose)


@pytest.mark.parametrize("service", ["gateway", "availability", "booking", "events", "cache", "rabbitmq", "postgres"])
async def test_a_container_that_is_killed_comes_back_and_nothing_is_lost(compose: Compose, service: str) -> None:
    """Each container killed with -9; once it is healthy again, a rebooking from before is there and a new one works."""
    before = await moved(compose)
    compose.run("kill", "-s", "KILL", service)
    compose.up()
    async with compose.portal() as portal:
        assert (await portal.get(f"/v1/rebookings/{before}"))["outcome"]["state"] == "confirmed"
    await moved(compose)


async def test_down_and_up_loses_no_outcome(compose: Compose) -> None:
    """Every container is made anew; what a client could still ask for is still there."""
    before = await moved(compose)
    compose.run("down")
    compose.up()
    async with compose.portal() as portal:
        snapshot = await portal.get(f"/v1/rebookings/{before}")
        assert snapshot["outcome"]["state"] == "confirmed"
        events = await portal.get(f"/v1/rebookings/{before}/events")
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    await moved(compose)


def test_every_role_is_confined(compose: Compose) -> None:
    """Not root, nothing writable, no capabilities; and the gateway's image holds no SOAP client."""
    assert compose.run("exec", "-T", "gateway", "id", "-u").strip() == "10001"
    for role in ("gateway", "availability", "booking"):
        assert compose.run("exec", "-T", role, "sh", "-c", "touch /opt/x || echo refused").strip() == "refused"
    listed = "import importlib.util as u; print([n for n in ('zeep', 'services.booking') if u.find_spec(n)])"
    assert compose.run("exec", "-T", "gateway", "python", "-c", listed).strip() == "[]"
