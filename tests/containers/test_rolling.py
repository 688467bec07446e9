"""Rolling restarts under load: no client fails, no message is delivered twice, and every process ends in time."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass, field
from itertools import cycle, islice

import pytest

from tests.containers.compose_project import SCALE, Compose, docker, state_of, wait_until_healthy
from tests.containers.moving import booking_of, client, come_to_timeslots, confirm

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3000)]

ROLLS = int(os.environ.get("OMBOKA_ROLLS", "3"))
"""Rolling restarts, each of every container of one role: 3 of them are one of each role, 20 are for a release."""

LONGEST_END = 45.0

PATIENTS = ("saga", "elias", "tolvan")
"""Each has a booking at a facility of their own: two at one facility would take each other's timeslots."""

ONLOOKER = "linnea"
"""Looks at timeslots and does nothing: her socket is open whenever a gateway ends."""


@dataclass
class Load:
    """Patients who move their booking again and again."""

    moved: int = 0
    resumed: int = 0
    failed: list[str] = field(default_factory=list)
    over: bool = False

    async def patient(self, compose: Compose, name: str) -> None:
        """One of them, until it is over; a section that fails or an outcome that isn't confirmed is a failed client."""
        facility, booking_id = await booking_of(compose, name)
        async with client(compose, name) as ws:
            while not self.over:
                try:
                    await come_to_timeslots(ws, facility, booking_id)
                    outcome = await confirm(ws)
                except (AssertionError, TimeoutError) as error:
                    self.failed.append(f"{name}: {type(error).__name__} {error}")
                    return
                self.resumed += ws.resumed
                lost = [event["data"]["section"] for event in ws.events if event["name"] == "section.failed"]
                if lost or outcome["state"] != "confirmed":
                    self.failed.append(f"{name}: {lost} {outcome['state']}")
                booking_id = outcome["booking_id"] or booking_id
                self.moved += 1


def redelivered(compose: Compose) -> int:
    """How many messages the broker has delivered again since it began."""
    look = "import urllib.request as u; print(u.urlopen('http://rabbitmq:15692/metrics').read().decode())"
    told = compose.run("exec", "-T", "booking", "python", "-c", look)
    counts = re.findall(r"^rabbitmq_global_messages_redelivered_total\{.*\} (\d+)", told, re.MULTILINE)
    assert counts, "the broker doesn't tell its redeliveries"
    return sum(int(count) for count in counts)


def restart(container: str) -> float:
    """End a container as an upgrade does, see that it ended well, and start it anew; gives the seconds of its end."""
    began = time.monotonic()
    docker("stop", "--time", "50", container)
    took = time.monotonic() - began
    assert state_of(container)["ExitCode"] == 0, docker("logs", "--tail", "30", container)
    docker("start", container)
    wait_until_healthy(container)
    return took


async def test_rolling_restarts_under_load_lose_and_repeat_nothing(compose: Compose) -> None:
    """Each role in turn, one container after another, while patients move their bookings and one looks on."""
    # Read from a gateway, so before any is away.
    assert compose.auth_key
    load = Load()
    async with client(compose, ONLOOKER) as onlooker:
        await come_to_timeslots(onlooker, *await booking_of(compose, ONLOOKER))
        looking_on = asyncio.create_task(onlooker.expect("rebooking.confirmed", within=3000))
        try:
            await roll(compose, load)
        finally:
            looking_on.cancel()
        # She goes on where she was: every gateway has ended in its turn, so her socket was closed by one of them.
        day = onlooker.sections["days"]["data"]["days"][0]["date"]
        await onlooker.expect("timeslots.ready", command=await onlooker.send("choose_day", date=day))
        load.resumed += onlooker.resumed
        assert onlooker.resumed > 0, "no gateway's end was felt"


async def roll(compose: Compose, load: Load) -> None:
    """Roll each role in turn under load, and hold it to what is promised."""
    patients = [asyncio.create_task(load.patient(compose, name)) for name in PATIENTS]
    before = redelivered(compose)
    ends: dict[str, list[float]] = {role: [] for role in SCALE}
    try:
        for role in islice(cycle(SCALE), ROLLS):
            for container in compose.containers(role):
                ends[role].append(await asyncio.to_thread(restart, container))
    finally:
        load.over = True
        await asyncio.gather(*patients)
    told = {role: f"{max(took):.1f} s" for role, took in ends.items() if took}
    print(f"{ROLLS} rolls, {load.moved} moved, {load.resumed} resumed, slowest end of each role: {told}")
    assert load.failed == []
    assert load.moved >= len(patients)
    assert redelivered(compose) == before
    assert max(took for each in ends.values() for took in each) <= LONGEST_END
