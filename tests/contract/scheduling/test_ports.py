"""One suite for the port to the booking systems: in memory, and over the wire to the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from shared.configuration import Configuration
from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Interaction, PerformerInfo, ResultCode, Timeslot, UpdateResult
from shared.contracts.rules import DateWindow
from shared.scheduling.client import SchedulingClient
from shared.scheduling.fake import FakeBookingSystems
from shared.scheduling.port import CallContext, LookUps, UpdateRequest, Updates
from tests.builders import scheduling, simulator


class Systems(LookUps, Updates, Protocol):
    """Both halves of the port."""


@dataclass(frozen=True)
class Setting:
    """Systems with a patient who has a booking at a facility that has free timeslots."""

    systems: Systems
    facility: str
    subject: SubjectOfCareId
    booking_id: str
    window: DateWindow

    @property
    def context(self) -> CallContext:
        """The patient acts for themselves."""
        return CallContext(Actor(id=self.subject, type=ActorType.SUBJECT_OF_CARE), "c0ffee")

    async def details(self) -> Timeslot:
        """The booking."""
        found = await self.systems.get_booking_details(self.facility, self.booking_id, self.context)
        assert found is not None
        return found

    async def schedule(self) -> list[CivilTime | None]:
        """When the patient has times at the facility."""
        found = await self.systems.get_subject_of_care_schedule(self.facility, self.subject, self.context)
        return [one.start for one in found]

    async def free(self, performer: str | None = None) -> tuple[Timeslot, ...]:
        """The free timeslots of the window's first day that has any."""
        filters = scheduling.some_filters(
            booking_id=self.booking_id, performer=performer, time_type_name=None, time_type_id=None
        )
        search = (self.facility, self.subject)
        days = await self.systems.get_available_dates(*search, self.window, filters, self.context)
        day = DateWindow.of_day(min(one.date for one in days))
        return await self.systems.get_available_timeslots(*search, day, filters, self.context)

    def request(self, timeslot: Timeslot) -> UpdateRequest:
        """A request to move the booking to a timeslot."""
        return scheduling.an_update(
            facility=self.facility, timeslot=timeslot, booking_id=self.booking_id, subject=self.subject, reason=None
        )

    async def update(self, timeslot: Timeslot) -> UpdateResult:
        """Move the booking."""
        connection = await self.systems.connect(self.request(timeslot), self.context)
        try:
            return await connection.send()
        finally:
            await connection.close()


@asynccontextmanager
async def in_memory() -> AsyncIterator[Setting]:
    """The fake."""
    fake = FakeBookingSystems()
    facility = scheduling.FACILITY
    fake.booked[facility] = [scheduling.a_booking()]
    fake.free[facility] = [
        scheduling.a_timeslot(start=CivilTime(start), end=CivilTime(end), performer=performer)
        for start, end, performer in (
            ("20260120100000", "20260120102000", scheduling.PERFORMER),
            ("20260120110000", "20260120112000", "SE2321000016-P002"),
            ("20260121100000", "20260121102000", scheduling.PERFORMER),
        )
    ]
    fake.performers[facility] = [PerformerInfo(performer=scheduling.PERFORMER, first_name="Karin", last_name="Öhman")]
    yield Setting(fake, facility, scheduling.a_subject(), "B-1", scheduling.a_window())


@asynccontextmanager
async def over_the_wire() -> AsyncIterator[Setting]:
    """The client, and a simulator."""
    async with simulator.a_simulator() as running:
        booking = simulator.a_booking(running.world)
        configuration = simulator.a_simulator_configuration().model_dump()
        address = str(running.client.make_url("")).rstrip("/")
        configuration["registry"]["url"] = f"{address}/registry"
        for name, producer in configuration["producers"].items():
            producer["url"] = f"{address}/{name}/{{contract}}/1/rivtabp21"
        async with SchedulingClient(Configuration.model_validate(configuration)) as client:
            subject = SubjectOfCareId(booking.subject)
            yield Setting(client, simulator.HOME, subject, booking.id, scheduling.a_window())


@pytest.fixture(params=[in_memory, over_the_wire], ids=["memory", "wire"])
async def setting(request: pytest.FixtureRequest) -> AsyncIterator[Setting]:
    """Each of the two."""
    async with request.param() as made:
        yield made


async def test_a_booking_is_in_the_schedule_and_has_details(setting: Setting) -> None:
    """The same booking, asked for in two ways."""
    details = await setting.details()

    assert details.booking_id == setting.booking_id
    assert details.subject_of_care == setting.subject
    assert details.start in await setting.schedule()


async def test_an_unknown_booking_is_none(setting: Setting) -> None:
    """Not found is an answer, not a failure."""
    assert await setting.systems.get_booking_details(setting.facility, "NOT-THERE", setting.context) is None


async def test_a_day_with_free_timeslots_has_them(setting: Setting) -> None:
    """The timeslots of a day all begin on it, and each has an end."""
    found = await setting.free()

    assert found
    assert len({one.start.date for one in found if one.start}) == 1
    assert all(one.start and one.end and one.start < one.end for one in found)


async def test_a_performer_narrows_the_search(setting: Setting) -> None:
    """Only that person's timeslots are found."""
    people = await setting.systems.get_all_performers(setting.facility, setting.subject, [], setting.context)

    found = await setting.free(performer=people[0].performer)

    assert {one.performer for one in found} == {people[0].performer}


async def test_an_update_moves_the_booking_and_frees_the_old_time(setting: Setting) -> None:
    """The effect is seen at once."""
    old = (await setting.details()).start
    chosen = (await setting.free())[0]

    result = await setting.update(chosen)

    assert result.code in (ResultCode.OK, ResultCode.INFO)
    schedule = await setting.schedule()
    assert chosen.start in schedule
    assert old not in schedule
    assert (chosen.start, chosen.performer, chosen.resource_id) not in [
        (one.start, one.performer, one.resource_id) for one in await setting.free()
    ]


async def test_a_timeslot_that_is_not_free_is_refused_with_a_text(setting: Setting) -> None:
    """ERROR, something to show, and the booking stands."""
    old = (await setting.details()).start
    chosen = (await setting.free())[0]
    at_night = {"start": CivilTime("20260120030000"), "end": CivilTime("20260120032000")}

    result = await setting.update(chosen.model_copy(update=at_night))

    assert result.code is ResultCode.ERROR
    assert result.text
    assert old in await setting.schedule()


async def test_a_connection_given_up_moves_nothing(setting: Setting) -> None:
    """Opening it says nothing to the booking system."""
    old = (await setting.details()).start
    chosen = (await setting.free())[0]

    connection = await setting.systems.connect(setting.request(chosen), setting.context)
    await connection.close()
    await connection.close()

    assert (await setting.details()).start == old


async def test_a_facility_says_what_it_supports_and_that_it_is_there(setting: Setting) -> None:
    """The registry's answer and the ping."""
    assert Interaction.UPDATE_BOOKING in await setting.systems.get_supported_service_contracts(setting.facility)
    assert await setting.systems.ping_for_configuration(setting.facility)
