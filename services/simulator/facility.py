"""A simulated healthcare facility: its resources, what they do, and the times that it offers.

Everything here follows from the configuration and the seed: the same seed gives the same people, rooms and times.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

from services.simulator.holidays import is_closed
from services.simulator.people import FAMILY_NAMES, MEN, WOMEN
from services.simulator.profile import Profile

MORNING = (dt.time(8), dt.time(12))
AFTERNOON = (dt.time(13), dt.time(16, 30))
"""The opening hours of a working day; nobody is seen over lunch."""


@dataclass(frozen=True, slots=True)
class TimeType:
    """What a time is for, and how many minutes it takes."""

    id: str
    name: str
    minutes: int


@dataclass(frozen=True, slots=True)
class CareType:
    """Which care a time belongs to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Performer:
    """A person who sees patients."""

    hsa_id: str
    first_name: str
    last_name: str
    title: str

    @property
    def name(self) -> str:
        """Title, first name and last name (source: contract description 3.5)."""
        return f"{self.title} {self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """What is booked: a person in a room, or a room alone. It has one time type."""

    id: str
    name: str
    time_type: TimeType
    care_type: CareType
    performer: Performer | None


@dataclass(frozen=True, slots=True)
class Timeslot:
    """A resource's time at a facility, half-open [start, end), naive Swedish civil time."""

    facility: str
    resource: Resource
    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of facility it is: its care type, and a time type and a title (None: no person) for each resource."""

    care_type: CareType
    resources: tuple[tuple[TimeType, str | None], ...]


_DOCTOR = TimeType("LAK20", "Läkarbesök", 20)
_NURSE = TimeType("SSK30", "Sjuksköterskebesök", 30)
_SAMPLE = TimeType("PROV10", "Provtagning", 10)
_EYES = TimeType("OGON30", "Återbesök ögon", 30)
_PRESSURE = TimeType("OGON15", "Tryckkontroll ögon", 15)
_TEETH = TimeType("TAND45", "Undersökning tandläkare", 45)
_HYGIENE = TimeType("TANDHYG30", "Tandhygienist", 30)

KINDS: dict[str, Kind] = {
    "primary": Kind(
        CareType("ALM", "Allmänmedicin"),
        (
            (_DOCTOR, "Leg. läkare"),
            (_DOCTOR, "Leg. läkare"),
            (_DOCTOR, "Specialistläkare"),
            (_NURSE, "Leg. sjuksköterska"),
            (_NURSE, "Distriktssköterska"),
        ),
    ),
    "laboratory": Kind(CareType("LAB", "Provtagning"), ((_SAMPLE, None), (_SAMPLE, None))),
    "specialist": Kind(
        CareType("OGON", "Ögonsjukvård"),
        ((_EYES, "Överläkare"), (_EYES, "Specialistläkare"), (_PRESSURE, "Leg. sjuksköterska")),
    ),
    "dental": Kind(
        CareType("TAND", "Tandvård"),
        ((_TEETH, "Leg. tandläkare"), (_TEETH, "Leg. tandläkare"), (_HYGIENE, "Leg. tandhygienist")),
    ),
}
"""The resources of each kind of facility."""


@dataclass(frozen=True)
class Facility:
    """A healthcare facility in the simulated world.

    `id` is written as in the configuration, `producers` are the booking systems that serve it, `name` is the booking
    system's own name for it, which differs from the catalogue's.
    """

    id: str
    name: str
    producers: frozenset[str]
    profile: Profile
    contracts: frozenset[str]
    resources: tuple[Resource, ...]

    def resources_for(self, time_type_ids: tuple[str, ...]) -> tuple[Resource, ...]:
        """Give the resources that have one of the time types; all of them when none is asked for."""
        if not time_type_ids:
            return self.resources
        return tuple(resource for resource in self.resources if resource.time_type.id in time_type_ids)


def resources_of(facility_id: str, kind: str, seed: int) -> tuple[Resource, ...]:
    """Make up a facility's resources, the same ones each time for the same seed."""
    chance = random.Random(f"{seed}|{facility_id.upper()}|staff")
    organisation = facility_id.partition("-")[0] if "-" in facility_id else "SE2321000016"
    made: list[Resource] = []
    for number, (time_type, title) in enumerate(KINDS[kind].resources, start=1):
        performer = None
        if title is not None:
            suffix = "".join(chance.choices("0123456789ABCDEFGHJKLMNPQRSTUVXYZ", k=4))
            first, last = chance.choice(WOMEN + MEN), chance.choice(FAMILY_NAMES)
            performer = Performer(f"{organisation}-P{suffix}{number}", first, last, title)
        resource_id = f"R{chance.randrange(100, 1000)}{number}"
        room = f"Rum {number}" if performer else f"{time_type.name} {number}"
        made.append(Resource(resource_id, room, time_type, KINDS[kind].care_type, performer))
    return tuple(made)


def times_of_day(facility_id: str, resource: Resource, day: dt.date) -> Iterator[Timeslot]:
    """Give every time of a resource on a day, free or not, in order; none when the facility is closed."""
    if is_closed(day):
        return
    length = dt.timedelta(minutes=resource.time_type.minutes)
    for opens, closes in (MORNING, AFTERNOON):
        start, last = dt.datetime.combine(day, opens), dt.datetime.combine(day, closes)
        while start + length <= last:
            yield Timeslot(facility_id, resource, start, start + length)
            start += length


def offered_times(facility: Facility, day: dt.date, seed: int) -> tuple[Timeslot, ...]:
    """Give the times of a day that nobody outside this world has taken, in order of resource and start."""
    if is_closed(day) or not facility.profile.releases(day):
        return ()
    offered: list[Timeslot] = []
    for resource in facility.resources:
        chance = random.Random(f"{seed}|{facility.id.upper()}|{resource.id}|{day.isoformat()}")
        times = times_of_day(facility.id, resource, day)
        offered.extend(time for time in times if chance.random() < facility.profile.free)
    return tuple(offered)
