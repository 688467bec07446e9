"""The demo patients' bookings: one for each thing there is to show, and an ordinary one for everybody else.

Which facility a story takes place at follows from the order of the facilities in the configuration; when it takes
place follows from the day on which the world is made.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from services.simulator.facility import Facility, Timeslot, times_of_day
from services.simulator.holidays import is_closed
from services.simulator.people import Patient
from services.simulator.world import Booking, World

LONG_REASON = (
    "Jag har haft ont i höger knä sedan i somras, särskilt i trappor och på morgonen, och vill att någon undersöker "
    "det innan jag börjar träna igen."
)
"""A reason of more than ninety characters."""

PLAIN_PURPOSE = (
    "Uppföljning av blodtryck & läkemedel. Ta med aktuell medicinlista och skriv gärna upp dina egna mätvärden "
    "från de senaste två veckorna."
)
"""A purpose in plain text of more than ninety characters."""

DOCBOOK_PURPOSE = """<?xml version="1.0" encoding="UTF-8"?>
<article xmlns="http://docbook.org/ns/docbook" version="5.0">
  <info><title>Kallelse till hälsokontroll</title></info>
  <para>Du är välkommen på hälsokontroll. Kontrollen tar ungefär en halvtimme.</para>
  <section>
    <title>Inför besöket</title>
    <itemizedlist>
      <listitem><para>Fasta från klockan 22 kvällen innan.</para></listitem>
      <listitem><para>Ta med legitimation och din medicinlista.</para></listitem>
    </itemizedlist>
    <para>Läs mer på <ulink url="https://www.example.org/halsokontroll">mottagningens webbplats</ulink>.</para>
  </section>
</article>
"""
"""A purpose in DocBook with its own XML declaration, to be entity-encoded inside the element."""


@dataclass(frozen=True, slots=True)
class Story:
    """A booking of a demo patient: who (by place), where (by place), in how many working days, and how it is."""

    name: str
    patient: int
    facility: int
    working_days: int
    fields: dict[str, Any]


STORIES = (
    Story("ordinary", 0, 0, 4, {"reason": "Kontroll av blodtryck"}),
    Story("elsewhere", 0, 3, 9, {}),
    Story("docbook-invitation", 1, 0, 6, {"is_invitation": True, "purpose": DOCBOOK_PURPOSE}),
    Story("not-rebookable", 2, 0, 3, {"rebooking_allowed": False}),
    Story("passed", 3, 0, -1, {}),
    Story("open-invitation", 4, 0, 0, {"is_invitation": True, "purpose": PLAIN_PURPOSE}),
    Story("long-reason", 5, 1, 5, {"reason": LONG_REASON}),
    Story("plain-purpose", 6, 1, 8, {"purpose": PLAIN_PURPOSE, "message_allowed": False}),
    Story("many", 7, 0, 2, {}),
    Story("many", 7, 1, 7, {"reason": "Förnyelse av recept"}),
    Story("many", 7, 2, 12, {}),
    Story("many", 7, 4, 25, {}),
    Story("nameless", 8, 3, 10, {"named": False}),
    Story("next-month", 9, 2, 30, {"reason": "Årskontroll"}),
)
"""What the demo patients have booked."""


def book_stories(world: World, patients: Iterable[Patient], now: dt.datetime) -> None:
    """Give every patient bookings: the demo patients their stories, everybody else an ordinary one.

    A patient for whom no time is left gets none.
    """
    facilities = list(world.facilities.values())
    for place, patient in enumerate(patients):
        told = [story for story in STORIES if story.patient == place]
        for story in told or [_ordinary(world.seed, place)]:
            facility = facilities[story.facility % len(facilities)]
            _book(world, facility, patient, story, place, now)


def _ordinary(seed: int, place: int) -> Story:
    chance = random.Random(f"{seed}|{place}|ordinary")
    return Story("ordinary", place, chance.randrange(1_000_000), chance.randrange(3, 60), {})


def _book(world: World, facility: Facility, patient: Patient, story: Story, place: int, now: dt.datetime) -> None:
    timeslot = None
    if story.name != "open-invitation":
        timeslot = _time_for(world, facility, story, place, now)
        if timeslot is None:
            return
    booking = Booking(
        id=world.new_booking_id(facility),
        subject=patient.subject,
        facility=facility.id,
        resource=timeslot.resource if timeslot else facility.resources[0],
        start=timeslot.start if timeslot else None,
        end=timeslot.end if timeslot else None,
        story=story.name,
        message_allowed=facility.profile.message_allowed,
    )
    world.add(replace(booking, **story.fields))


def _time_for(world: World, facility: Facility, story: Story, place: int, now: dt.datetime) -> Timeslot | None:
    resource = facility.resources[place % len(facility.resources)]
    step = -1 if story.working_days < 0 else 1
    day, left = now.date(), abs(story.working_days)
    for _ in range(400):
        if left == 0 and not is_closed(day):
            times = list(times_of_day(facility.id, resource, day))
            first = place * 7 % len(times)
            for timeslot in times[first:] + times[:first]:
                if not world.is_taken(timeslot):
                    return timeslot
        day += dt.timedelta(days=step)
        left = left - 1 if left and not is_closed(day) else left
    return None
