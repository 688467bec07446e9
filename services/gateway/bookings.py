"""The list of a patient's booked times: asked at every facility at once, answered with what has come in time.

It lives in a short log of its own and goes the same way as everything else.
Source: the interface, `GET /v1/bookings`; the flow, "Entry".
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from services.gateway.commands import START, deadline, loading
from services.gateway.eligibility import not_eligible, with_booked_times
from services.gateway.identity import Caller
from services.gateway.ledger_calls import LedgerCalls
from services.gateway.rebooking_ids import new_id
from services.gateway.relay import Relay, Wake
from shared.clock import Clock
from shared.configuration import Configuration, Facility
from shared.contracts.commands import LookUpBookings
from shared.contracts.events import EventName, encode
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Language, SourceStatus
from shared.contracts.problems import URN, NotEligible, Problem, ProblemType, Refusal
from shared.contracts.sections import SectionName, State
from shared.ledger.port import LedgerUnavailable, Told
from shared.messaging.event_log import EventLog, Head, NewEntry
from shared.messaging.publisher import Publisher, PublishFailed
from shared.sealing import Sealer

log = logging.getLogger(__name__)

LOG_SECONDS = 60.0
ENDED = frozenset({State.READY.value, State.FAILED.value})


class Bookings:
    """Asks for booked times. Raises Refusal."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        events: EventLog,
        publisher: Publisher,
        ledger: LedgerCalls,
        sealer: Sealer,
        clock: Clock,
        relay: Relay,
    ) -> None:
        self._configuration = configuration
        self._events = events
        self._publisher = publisher
        self._ledger = ledger
        self._sealer = sealer
        self._clock = clock
        self._relay = relay

    async def look_up(
        self, caller: Caller, facility: str | None, *, wait: float, language: Language, traceparent: str | None
    ) -> dict[str, Any]:
        """The booked times at a facility, or at all of them, as far as they have come after `wait` seconds.

        Raises Refusal: facility-not-eligible, facility-unavailable when the only one asked failed, overloaded.
        """
        asked = self._asked(facility)
        everywhere = facility is None
        section = await self._ask(
            caller, asked, everywhere=everywhere, wait=wait, language=language, traceparent=traceparent
        )
        found = _answer(section, asked, single=not everywhere)
        failed = [source for source in found["sources"] if source["state"] == State.FAILED.value]
        if facility is not None and failed:
            raise Refusal(_unavailable(asked[0], failed[0].get("problem") or {}))
        return {**found, "bookings": await self._with_rebookings(caller, found["bookings"])}

    def _asked(self, hsa_id: str | None) -> list[Facility]:
        if hsa_id is None:
            return with_booked_times(self._configuration)
        facility = self._configuration.facility(hsa_id)
        if facility is None:
            raise not_eligible(NotEligible.NOT_IN_CATALOGUE, None, hsa_id)
        if len(facility.producers) != 1:
            several = len(facility.producers) > 1
            reason = NotEligible.SEVERAL_SYSTEMS if several else NotEligible.NOT_CONFIGURED
            raise not_eligible(reason, facility, hsa_id)
        if hsa_key(facility.id) not in {hsa_key(one.id) for one in with_booked_times(self._configuration)}:
            raise not_eligible(NotEligible.CONTRACT_MISSING, facility, hsa_id)
        return [facility]

    async def _ask(
        self,
        caller: Caller,
        facilities: Sequence[Facility],
        *,
        everywhere: bool,
        wait: float,
        language: Language,
        traceparent: str | None,
    ) -> dict[str, Any]:
        """Open the list's own log, publish, and wait for the section to end or the time to pass."""
        now = self._clock.now()
        list_id = new_id(self._sealer, caller.owner)
        message = LookUpBookings(
            rebooking_id=list_id,
            command_id=START,
            basis=1,
            deadline=deadline(self._configuration, [one.id for one in facilities], now),
            today=self._clock.today(),
            language=language,
            sealed=self._sealer.seal_identity(caller.identity),
            traceparent=traceparent,
            facilities=tuple(one.id for one in facilities),
            everywhere=everywhere,
        )
        value = loading(now)
        data = {"section": SectionName.BOOKING.value, "value": value}
        head = Head(owner=caller.owner, index=self._sealer.digest("list", list_id), body=b"")
        entry = NewEntry(
            key=f"choice:{START}",
            public=encode(EventName.SECTION_LOADING, command_id=START, at=now, final=False, data=data),
            expected_choice=0,
            rebase=(SectionName.BOOKING.value,),
            deadline=message.deadline,
        )
        await self._events.open(list_id, head, [entry], ttl=LOG_SECONDS)
        try:
            await self._publisher.publish(message, expires=message.deadline - now.timestamp())
        except PublishFailed as error:
            raise Refusal(Problem(type=ProblemType.OVERLOADED, retry_after=5)) from error
        return await self._wait(list_id, value, wait=wait)

    async def _wait(self, list_id: str, section: dict[str, Any], *, wait: float) -> dict[str, Any]:
        ends, seq = self._clock.monotonic() + wait, 1
        while section["state"] not in ENDED:
            wake = Wake(seq)
            async with self._relay.following(list_id, wake):
                await wake.wait(max(ends - self._clock.monotonic(), 0.0))
            view = await self._events.read(list_id, after=seq)
            if view is None:
                break
            for found in view.entries:
                section = json.loads(found.public)["data"]["value"]
            seq = view.last_seq
            if self._clock.monotonic() >= ends:
                break
        return section

    async def _with_rebookings(self, caller: Caller, bookings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Say of each booking what became of its last rebooking; without the ledger the list is shown all the same."""
        keys = [(one["facility"], one["booking_id"]) for one in bookings]
        try:
            told = await self._ledger.of_bookings(caller.owner, keys) if keys else []
        except LedgerUnavailable:
            log.warning("the list of bookings is shown without their rebookings: the ledger doesn't answer")
            told = []
        by_booking: dict[tuple[str, str], Told] = {}
        for one in sorted(told, key=lambda one: one.created_at):
            by_booking[hsa_key(one.facility_from), one.booking_id] = one
            if one.new_booking_id is not None:
                by_booking[hsa_key(one.facility_to), one.new_booking_id] = one
        shown = []
        for booking in bookings:
            last = by_booking.get((hsa_key(booking["facility"]), booking["booking_id"]))
            rebooking = {"id": last.rebooking_id, "outcome": last.outcome.public()} if last else None
            shown.append({"can_rebook": None, **booking, "rebooking": rebooking})
        return sorted(shown, key=lambda one: (one.get("start") or "", one["facility"], one["booking_id"]))


def _answer(section: dict[str, Any], asked: Sequence[Facility], *, single: bool) -> dict[str, Any]:
    """The list as far as it has come; a facility that hasn't answered is said to be waited for, or to have failed."""
    data = section.get("data") or {}
    sources = list(data.get("sources", ()))
    told = {hsa_key(one["facility"]) for one in sources}
    ended = section["state"] in ENDED
    for facility in asked:
        if hsa_key(facility.id) in told or (section["state"] == State.READY.value and not single):
            continue
        source: dict[str, Any] = {
            "facility": facility.id,
            "facility_name": facility.name,
            "state": State.FAILED.value if ended else State.LOADING.value,
            "source_status": SourceStatus.NONE.value,
        }
        if ended:
            source["problem"] = section.get("problem")
        sources.append(source)
    return {"bookings": list(data.get("bookings", ())), "sources": sources}


def _unavailable(facility: Facility, problem: dict[str, Any]) -> Problem:
    slug = str(problem.get("type", "")).removeprefix(URN)
    if slug == ProblemType.FACILITY_NOT_ELIGIBLE:
        return not_eligible(NotEligible(problem["reason"]), facility, facility.id).problem
    return Problem(
        type=ProblemType.FACILITY_UNAVAILABLE,
        facility=facility.name,
        phone=facility.phone,
        retry_after=problem.get("retry_after"),
    )
