"""One request, ready to be carried out against the world: once, twice, late, or only in appearance."""

from __future__ import annotations

from collections.abc import Callable

from services.simulator.answers import answer_lookup, answer_ping, answer_supported, answer_update
from services.simulator.clock import SimulatorClock
from services.simulator.contracts import PING, SUPPORTED, UPDATE
from services.simulator.facility import Facility
from services.simulator.platform_faults import platform_fault
from services.simulator.wire import Answer, Call, fault
from services.simulator.world import Change, Move, Outcome, World

Journalist = Callable[[Change, int, bool], None]
"""Writes a change down: the change, which delivery of the request did it, and whether it was late."""


class Delivery:
    """A request on its way to a booking system; `producers` are those that its address belongs to."""

    def __init__(
        self,
        call: Call,
        world: World,
        clock: SimulatorClock,
        *,
        producers: frozenset[str],
        consumer: str | None,
        journalist: Journalist,
    ) -> None:
        self.call = call
        self._world = world
        self._clock = clock
        self._producers = producers
        self._consumer = consumer
        self._journalist = journalist

    def carry_out(self, *, number: int = 1, late: bool = False) -> Answer:
        """Do what the request asks for, for the `number`th time it is delivered, and give the answer."""
        return self._answer(lambda move: self._update(move, number, late))

    def pretend(self) -> Answer:
        """Give the answer of a success without doing anything."""
        return self._answer(lambda move: Outcome("OK"))

    def lose_timeslot(self, text: str | None) -> Answer:
        """Let somebody take the timeslot just before, and answer ERROR; a look-up is carried out as usual."""

        def taken(move: Move) -> Outcome:
            self._world.reserve(move)
            return Outcome("ERROR", text)

        return self._answer(taken)

    def carry_out_with_info(self, text: str | None) -> Answer:
        """Do what the request asks for, and answer INFO where it would have been OK."""

        def informed(move: Move) -> Outcome:
            outcome = self._update(move, 1, False)
            return outcome if outcome.code == "ERROR" else Outcome("INFO", text)

        return self._answer(informed)

    def _answer(self, update: Callable[[Move], Outcome]) -> Answer:
        call = self.call
        if call.contract is None or call.faults:
            return fault("Anropet följer inte tjänstekontraktet", side="Client")
        facility = self._world.facility(call.facility or "")
        if call.contract.name == PING:
            return answer_ping(self._clock.now())
        if call.contract.name == SUPPORTED:
            return answer_supported(call, facility, self._consumer)
        if facility is None or not facility.producers & self._producers or call.contract.name not in facility.contracts:
            return platform_fault("VP004")
        if call.contract.name == UPDATE:
            return answer_update(update(move_of(call, facility)))
        return answer_lookup(call, facility, self._world, self._clock.now())

    def _update(self, move: Move, number: int, late: bool) -> Outcome:
        outcome = self._world.update(move, self._clock.now())
        if outcome.change is not None:
            self._journalist(outcome.change, number, late)
        return outcome


def move_of(call: Call, facility: Facility) -> Move:
    """Read what an UpdateBooking that has no faults asks for."""
    return Move(
        target=facility,
        booking_id=call.text("bookingId") or "",
        subject=call.text("subject_of_care") or "",
        start=call.time("startTimeInclusive"),
        end=call.time("endTimeExclusive"),
        performer=call.text("performer"),
        resource_id=call.text("resourceID"),
        time_type_id=call.text("timeTypeID"),
        reason=call.text("reason"),
        phone=call.text("phone"),
        notification=call.text("notification"),
    )


def faults_here(call: Call, facility: Facility | None) -> tuple[str, ...]:
    """Find what is wrong with a request at this facility though its form is right: a reason where none may be given."""
    unasked = call.contract is not None and call.contract.name == UPDATE and call.text("reason") is not None
    if unasked and facility is not None and not facility.profile.message_allowed:
        return ("reason: must be left out where message_allowed isn't true",)
    return ()
