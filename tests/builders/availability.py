"""An availability worker to test on in-memory adapters, the look-ups it is given, and on whose behalf."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, TypeVar

from services.availability.cache import MemoryCache
from services.availability.worker import Availability
from shared.clock import Clock
from shared.configuration import Configuration, parse_configuration
from shared.contracts.commands import LookUp
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity
from shared.messaging.event_log import EventLog, Head, NewEntry
from shared.scheduling.fake import FakeBookingSystems
from shared.scheduling.rate import MemoryRate
from shared.sealing import Sealer
from tests.builders.scheduling import FACILITY

NOW = dt.datetime(2026, 1, 15, 8, 0, tzinfo=dt.UTC)
Kind = TypeVar("Kind", bound=LookUp)


def an_identity() -> Identity:
    """Tolvan, who acts for himself."""
    subject = SubjectOfCareId("191212121212")
    return Identity(subject=subject, actor=Actor(id=subject, type=ActorType.SUBJECT_OF_CARE))


def eken() -> Configuration:
    """One facility under one booking system, which nobody has to reach."""
    return parse_configuration(
        f"""
producers: {{north: {{url: "http://127.0.0.1:9/{{contract}}"}}}}
facilities: {{{FACILITY}: {{name: Eken, phone: 08-1, producers: [north], contracts: []}}}}
"""
    )


async def a_rebooking(events: EventLog, section: str) -> str:
    """A rebooking whose first choice asks for a section; gives its id."""
    rebooking_id = uuid.uuid4().hex
    choice = NewEntry(key="choice:1", public=b"{}", expected_choice=0, rebase=(section,))
    await events.open(rebooking_id, Head("owner", "index", b"-"), [choice])
    return rebooking_id


def an_availability(
    configuration: Configuration, systems: FakeBookingSystems, events: EventLog, sealer: Sealer, clock: Clock
) -> Availability:
    """A worker with a cache and rates of its own."""
    return Availability(
        configuration,
        systems=systems,
        events=events,
        cache=MemoryCache(clock),
        rate=MemoryRate.of(configuration, clock),
        sealer=sealer,
        clock=clock,
    )


def a_look_up(kind: type[Kind], rebooking_id: str, sealed: str, *, command_id: str = "c1", **content: Any) -> Kind:
    """A look-up at NOW for a hundred seconds, on the rebooking's first choice."""
    return kind(
        rebooking_id=rebooking_id,
        command_id=command_id,
        basis=1,
        deadline=NOW.timestamp() + 100,
        today=NOW.date(),
        language="sv",
        sealed=sealed,
        **content,
    )
