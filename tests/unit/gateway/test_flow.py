"""The whole flow at the gateway, with the workers played by the test."""

from __future__ import annotations

from shared.contracts.commands import LookUpBooking, SearchDays
from shared.contracts.sections import OutcomeState
from shared.ledger.port import Sealed
from tests.builders.gateway import OWN, a_gateway, a_timeslot, frames


async def test_a_rebooking_from_its_beginning_to_confirmed():
    """A patient begins, chooses, confirms, and each step is an event on the WebSocket."""
    async with a_gateway() as gateway:
        # Given a rebooking followed by a WebSocket
        rebooking_id = await gateway.start()
        socket = await gateway.stream(rebooking_id)
        await socket.send_json({"type": "hello"})
        assert [one["name"] for one in await frames(socket, 1)] == ["choice.made"]
        assert isinstance(gateway.last_look_up, LookUpBooking)

        # When the workers answer and the patient chooses
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN)
        assert [one["name"] for one in await frames(socket, 3)] == ["booking.ready", "facilities.ready", "terms.ready"]
        await socket.send_json({"type": "command", "id": "c1", "name": "choose_facilities", "facilities": [OWN]})
        both = await frames(socket, 2)
        assert {one["type"] for one in both} == {"event", "accepted"}
        await gateway.settle()
        message = gateway.last_look_up
        assert isinstance(message, SearchDays)
        assert message.basis == 5
        await gateway.tell_days("2026-02-02")
        ids = await gateway.tell_timeslots(a_timeslot())
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "give_details", comment="Jag ombokar", phone="070-1")
        accepted = await gateway.command(rebooking_id, "confirm", id="confirm-1")
        await gateway.tell_outcome(rebooking_id, OutcomeState.CONFIRMED, n=2)

        # Then it was accepted by the ledger once, with what was chosen, and the patient is told
        names = [one.get("name") for one in await frames(socket, 8)]
        assert names[-2:] == ["rebooking.accepted", "rebooking.confirmed"]
        assert accepted["command_id"] == "confirm-1"
        (row,) = gateway.ledger.rows
        sealed = gateway.deps.sealer.open_model(Sealed, row.sealed)
        assert (row.facility_from, row.facility_to, row.producer) == (OWN, OWN, "nordic")
        assert (sealed.reason, sealed.phone, sealed.new) == ("Jag ombokar", "070-1", a_timeslot())
        assert [wake.row_id for wake in gateway.wakes] == ["row0"]
        assert gateway.ledger.noted == [("row0", 1)]
        snapshot = await gateway.snapshot(rebooking_id)
        assert snapshot["outcome"]["state"] == "confirmed"
