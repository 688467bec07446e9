"""Patients at the same time in every order: nobody ever gets a byte of another's."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.end_to_end.stacks import LINDANGEN
from tests.security.marked import Marked, advance, marked_servers, marked_system
from tests.security.sizes import SEED, size

STEPS_EACH = 50
AT_ONCE = 5
NAMES = ("saga", "nils", "mehmet", "birgitta")
"""Patients of one facility, so that whatever is kept of its answers could be given to the wrong one."""

COMMANDS: tuple[dict[str, Any], ...] = (
    {"name": "choose_facilities", "facilities": [LINDANGEN]},
    {"name": "choose_performer", "performer": None},
    {"name": "search_further"},
    {"name": "choose_day", "date": 1},
    {"name": "choose_day", "date": 4},
    {"name": "choose_timeslot", "timeslot_id": "own"},
    {"name": "choose_timeslot", "timeslot_id": "theirs"},
    {"name": "give_details", "comment": "own", "phone": "070-1"},
    {"name": "confirm"},
    {"name": "retry", "section": "days"},
)
PAGES = ("terms", "time", "details", "summary", "outcome", "outcome.ics")
WAYS = ("read", "events", "command", "socket", "ticket", "page", "list", "start", "bookings page")


@dataclass(frozen=True)
class Step:
    """One patient does one thing, to their own rebooking or to somebody's."""

    who: int
    whose: int
    way: str
    command: int
    page: int


STEP = st.builds(
    Step,
    who=st.integers(0, len(NAMES) - 1),
    whose=st.integers(0, len(NAMES) - 1),
    way=st.sampled_from(WAYS),
    command=st.integers(0, len(COMMANDS) - 1),
    page=st.integers(0, len(PAGES) - 1),
)


class Run:
    """A system that lives through every example, and the loop that it runs in."""

    def __init__(self, system: AbstractAsyncContextManager[Any]) -> None:
        self.steps = 0
        self._runner = asyncio.Runner()
        self._system = system
        self._stack, self.patients = self._runner.run(self._system.__aenter__())
        self._runner.run(self._advance())

    def do(self, steps: list[Step]) -> None:
        """Do the steps, a few at once in the order given; nobody may have got anything of another's."""
        self._runner.run(self._do(steps))
        self.steps += len(steps)
        leaked = [(patient.name, content[:200]) for patient in self.patients for content in patient.foreign]
        assert not leaked

    def close(self) -> None:
        """Let it end."""
        self._runner.run(self._system.__aexit__(None, None, None))
        self._runner.close()

    async def _advance(self) -> None:
        for patient in self.patients:
            await advance(patient)

    async def _do(self, steps: list[Step]) -> None:
        for start in range(0, len(steps), AT_ONCE):
            await asyncio.gather(*map(self._step, steps[start : start + AT_ONCE]))

    async def _step(self, step: Step) -> None:
        asking, owner = self.patients[step.who], self.patients[step.whose]
        path = f"/v1/rebookings/{owner.rebooking_id}"
        match step.way:
            case "read":
                status, body = await asking.ask("GET", path)
                self._expect(asking, owner, status)
                if asking is owner and status == 200:
                    self._note(asking, json.loads(body))
            case "events":
                self._expect(asking, owner, (await asking.ask("GET", path + "/events"))[0])
            case "command":
                status, _ = await asking.ask("POST", path + "/commands", json=self._command(asking, owner, step))
                assert status < 500 and (asking is owner or status == 404)  # noqa: PT018
            case "socket":
                await self._listen(asking, path)
            case "ticket":
                self._expect(asking, owner, (await asking.ask("POST", path + "/ticket"))[0])
            case "page":
                page = f"/rebookings/{owner.rebooking_id}/{PAGES[step.page]}"
                status, _, _ = await asking.browse("GET", page)
                assert status < 500 and (asking is owner or status == 404)  # noqa: PT018
            case "list":
                await asking.ask("GET", "/v1/bookings", params={"facility": LINDANGEN, "wait": "1"})
            case "start":
                content = {"facility": owner.facility, "booking_id": owner.booking_id}
                status, body = await asking.ask("POST", "/v1/rebookings", json=content)
                assert status in (200, 201, 429)  # so many may be begun in an hour
                if asking is owner and status != 429:
                    asking.rebooking_id = json.loads(body)["id"]
            case _:
                await asking.browse("GET", "/bookings", params={"facility": LINDANGEN})

    def _command(self, asking: Marked, owner: Marked, step: Step) -> dict[str, Any]:
        command = {"id": f"{self.steps}-{step.who}-{step.command}", **COMMANDS[step.command]}
        if "timeslot_id" in command:
            command["timeslot_id"] = (asking if command["timeslot_id"] == "own" else owner).timeslot_id or "A" * 22
        if "date" in command:
            command["date"] = f"{self._stack.clock.today() + dt.timedelta(days=command['date'])}"
        if "comment" in command:
            command["comment"] = f"Hej KM{asking.name}KM"
        return command

    async def _listen(self, asking: Marked, path: str) -> None:
        async with asking.portal.session.ws_connect(path + "/stream", protocols=["omboka.v1"]) as socket:
            await socket.send_json({"type": "hello", "after": 0})
            await socket.send_json({"type": "ping"})
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    asking.look_at(frame.data.encode())
                    if json.loads(frame.data)["type"] == "pong":
                        return

    @staticmethod
    def _expect(asking: Marked, owner: Marked, status: int) -> None:
        assert status < 500
        assert asking is owner or status == 404

    @staticmethod
    def _note(patient: Marked, snapshot: dict[str, Any]) -> None:
        timeslots = (snapshot["sections"].get("timeslots", {}).get("data") or {}).get("timeslots", [])
        free = [one["timeslot_id"] for one in timeslots if not one["current"]]
        if free:
            patient.timeslot_id = free[len(free) // 2]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """The system in one process, with four patients of one facility."""
    found = Run(marked_system(tmp_path, *NAMES))
    yield found
    found.close()


@pytest.fixture
def run_on_servers(
    tmp_path: Path, fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> Iterator[Run]:
    """The same as three processes whose log and cache are Redis."""
    urls = {
        "broker_url": fresh_broker_url,
        "events_url": fresh_events_url,
        "cache_url": fresh_cache_url,
        "database_url": fresh_database_url,
    }
    found = Run(marked_servers(tmp_path, *NAMES, **urls))
    yield found
    found.close()


@pytest.mark.timeout(900)
def test_in_every_order_nobody_gets_anything_of_anothers(run: Run) -> None:
    """Random steps of four patients at once, on their own and one another's: 0 bytes with another's mark."""
    interleave(run, size(200, 5000))


@pytest.mark.servers
@pytest.mark.timeout(1800)
def test_nor_where_what_is_kept_is_shared_by_processes(run_on_servers: Run) -> None:
    """The same over Redis, RabbitMQ and PostgreSQL."""
    interleave(run_on_servers, size(200, 5000))


def interleave(run: Run, count: int) -> None:
    """Do so many steps in whatever orders come."""

    @seed(SEED)
    @settings(
        max_examples=count // STEPS_EACH,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # what came before is still there, so that fewer steps prove nothing
    )
    @given(st.lists(STEP, min_size=STEPS_EACH, max_size=STEPS_EACH))
    def steps_in_any_order(steps: list[Step]) -> None:
        run.do(steps)

    steps_in_any_order()
    assert run.steps >= count
    assert all(patient.received > 1000 for patient in run.patients)
