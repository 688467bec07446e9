"""The list of booked times as the worker looks it up: who is asked, and who is left out."""

from __future__ import annotations

import json
import uuid
from typing import Any

from cryptography.fernet import Fernet

from shared.clock import FixedClock
from shared.contracts.commands import LookUpBookings
from shared.contracts.model import Interaction
from shared.messaging.event_log import Head, NewEntry
from shared.messaging.event_log_memory import MemoryEventLog
from shared.scheduling.fake import FakeBookingSystems
from shared.sealing import Sealer
from tests.builders.availability import NOW, a_look_up, an_availability, an_identity
from tests.builders.scheduling import FACILITY, a_configuration

WITHOUT_THE_LIST = frozenset(Interaction) - {Interaction.GET_SUBJECT_OF_CARE_SCHEDULE}


async def listed(systems: FakeBookingSystems, *, everywhere: bool) -> dict[str, Any]:
    """Have the list looked up in a catalogue whose only facility is Eken; gives the last thing told."""
    clock, sealer, events = (
        FixedClock(NOW),
        Sealer((Fernet.generate_key().decode(),), "k" * 32),
        MemoryEventLog(FixedClock(NOW)),
    )
    configuration = a_configuration()
    configuration = configuration.model_copy(update={"facilities": {FACILITY: configuration.facilities[FACILITY]}})
    list_id = uuid.uuid4().hex
    choice = NewEntry(key="choice:1", public=b"{}", expected_choice=0, rebase=("booking",))
    await events.open(list_id, Head("owner", "index", b"-"), [choice])
    availability = an_availability(configuration, systems, events, sealer, clock)
    await availability.handle(
        a_look_up(
            LookUpBookings,
            list_id,
            sealer.seal_identity(an_identity()),
            facilities=(FACILITY,),
            everywhere=everywhere,
        )
    )
    view = await events.read(list_id)
    assert view is not None
    told: dict[str, Any] = json.loads(view.entries[-1].public)["data"]["value"]
    return told


async def test_the_only_facility_without_the_list_is_left_out_of_everywhere() -> None:
    """A catalogue of one facility is a catalogue: one that can't list is no failure, and nobody is asked."""
    systems = FakeBookingSystems()
    systems.contracts[FACILITY] = WITHOUT_THE_LIST
    told = await listed(systems, everywhere=True)
    assert (told["state"], told["data"]["sources"]) == ("ready", [])
    assert [call.interaction for call in systems.calls] == [Interaction.GET_SUPPORTED_SERVICE_CONTRACTS]


async def test_a_facility_asked_by_its_name_answers_for_itself() -> None:
    """Whoever names it is told what it says, whatever the registry knows."""
    systems = FakeBookingSystems()
    systems.contracts[FACILITY] = WITHOUT_THE_LIST
    told = await listed(systems, everywhere=False)
    assert [one["facility"] for one in told["data"]["sources"]] == [FACILITY]
    assert Interaction.GET_SUBJECT_OF_CARE_SCHEDULE in [call.interaction for call in systems.calls]
