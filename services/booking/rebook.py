"""The story of one step of a rebooking: claim, look, connect, commit, send once, understand, look, move.

The Celery task and the dispatcher run the same step. The look-ups' breaker isn't asked: a rebooking has places of its
own and takes from the rate without waiting. Source: the saga's rules 3.4.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from services.booking import outcome as told
from services.booking.classify import Proves, classify, describe
from services.booking.looks import SOON, Schedule, backoff, next_look
from services.booking.reconcile import Conclusion, Evidence, Look, Where, judge, look
from services.booking.telling import Teller
from shared.audit.audit_log import AuditUnavailable
from shared.audit.auditor import Auditor
from shared.clock import Clock
from shared.configuration import Configuration, Facility
from shared.contracts.civil_time import CivilTime
from shared.contracts.model import ResultCode, UpdateResult
from shared.contracts.problems import NotEligible, Problem, ProblemType
from shared.contracts.sections import Outcome, OutcomeState
from shared.ledger.ledger import Claimed, Ledger, LostClaim
from shared.ledger.port import LedgerEvent, LedgerUnavailable
from shared.ledger.transitions import RowState
from shared.observability.metrics import LATE_APPLIES, NOT_THERE
from shared.observability.spans import span
from shared.observability.traces import following
from shared.scheduling.failures import NotReached, SchedulingFailure
from shared.scheduling.port import CallContext, Connection, LookUps, UpdateRequest, Updates
from shared.scheduling.rate import Rate

log = logging.getLogger(__name__)

Result = TypeVar("Result")

SETTLED = "settled"
"""A row's reason when something was sent, and looking has shown that it changed nothing."""

NOT_THERE_ANY_MORE = "not_there"
"""A confirmed row's reason when the watcher has found the booking at its old time."""


class BookingSystems(LookUps, Updates, Protocol):
    """What the saga calls: both ports of the rim."""


@dataclass
class Deps:
    """What a step works with.

    `purge` forgets a facility's cached answers; `boottime` is a clock that also counts a sleeping machine.
    """

    configuration: Configuration
    systems: BookingSystems
    ledger: Ledger
    teller: Teller
    rate: Rate
    clock: Clock
    purge: Callable[[str], Awaitable[None]]
    auditor: Auditor
    schedule: Schedule = field(default_factory=Schedule)
    owner: str = "booking"
    boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    chance: random.Random = field(default_factory=random.Random)


class Saga:
    """Takes rows of the ledger one step further, on one event loop; the ledger is called in threads."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="ledger")
        producers = deps.configuration.producers
        self._places = {name: asyncio.Semaphore(one.limits.booking_concurrency) for name, one in producers.items()}

    def free_places(self) -> dict[str, bool]:
        """Which booking systems have a place free in this process."""
        return {name: not places.locked() for name, places in self._places.items()}

    def close(self) -> None:
        """End the ledger's threads."""
        self._threads.shutdown(wait=True)

    async def step(self, row_id: str) -> None:
        """Take a row one step further, if it is due and nobody has it."""
        deps = self._deps
        row = await self._db(deps.ledger.claim, row_id, deps.owner, lease=deps.schedule.lease)
        if row is None:
            return
        with following(row.traceparent), span("rebook", "consumer", producer=row.producer):
            try:
                await self._story(row)
            except LostClaim:
                log.warning("row %s was taken over by another worker; nothing was written", row_id)

    async def _story(self, row: Claimed) -> None:
        facilities = self._facilities(row)
        if facilities is None:
            await self._without_configuration(row)
            return
        places = self._places.get(row.producer) or asyncio.Semaphore(1)
        async with self._holding(row), places:
            match row.state:
                case RowState.PRECHECKED:
                    await self._send(row, *facilities)
                case RowState.SENDING:
                    # Whoever held it died between the commit and the end: never send, find out.
                    row = await self._unknown(row, facilities[1], release=False)
                    await self._find_out(row, *facilities)
                case RowState.UNKNOWN:
                    await self._find_out(row, *facilities)
                case _:
                    await self._watch(row, *facilities)

    # Sending.

    async def _send(self, row: Claimed, facility_from: Facility, facility_to: Facility) -> None:
        if row.now >= row.deadline_at or row.tries >= self._deps.schedule.tries:
            await self._never_sent(row, facility_to, None)
            return
        seen = await self._look(row, facility_from, facility_to)
        if not await self._may_be_sent(row, seen, facility_from, facility_to):
            return
        try:
            connection = await self._connect(row, facility_to)
        except NotReached:
            await self._try_later(row)
            return
        except ValueError:
            log.error("row %s can't be put into an UpdateBooking", row.id)
            await self._never_sent(row, facility_to, None)
            return
        except Exception:
            # Connecting writes no byte of the request, whatever it was that went wrong.
            log.exception("row %s: connecting ended in an unforeseen error", row.id)
            await self._try_later(row)
            return
        try:
            await self._send_on(connection, row, facility_from, facility_to)
        finally:
            await connection.close()

    async def _may_be_sent(self, row: Claimed, seen: Look, facility_from: Facility, facility_to: Facility) -> bool:
        match seen.where:
            case Where.AT_TARGET:
                await self._confirm(row, facility_to, code=None, text=None, look=seen)
            case Where.ELSEWHERE if row.attempt == 0 and seen.timeslot is not None:
                outcome = told.other_time(row, seen.timeslot, facility=facility_from)
                await self._move(row, RowState.OTHER_TIME, outcome, next_in=None)
            case Where.AT_OLD if seen.rebookable:
                return True
            case Where.AT_OLD:
                outcome = told.rejected(row, text=None, facility=facility_from)
                await self._move(row, RowState.REJECTED, outcome, next_in=self._first_watch(row))
            case Where.GONE if row.attempt == 0:
                problem = Problem(type=ProblemType.BOOKING_CHANGED)
                outcome = told.not_applied(row, problem=problem, facility=facility_from)
                await self._move(row, RowState.NOT_APPLIED, outcome, next_in=None, reason="booking_gone")
            case Where.SILENT:
                await self._try_later(row)
            case _:
                # It was sent once and settled, and now it isn't where it was: look on.
                await self._unknown(row, facility_to)
        return False

    async def _send_on(
        self, connection: Connection, row: Claimed, facility_from: Facility, facility_to: Facility
    ) -> None:
        deps = self._deps
        before_commit = deps.boottime()
        producer = deps.configuration.producers[row.producer]
        n = row.attempt + 1
        sending, untold = await self._commit(
            row,
            RowState.SENDING,
            told.waiting(row, OutcomeState.SENDING, facility=facility_to),
            next_in=producer.timeouts.deadline + deps.schedule.lease,
            release=False,
            attempt=n,
            sent_at=row.now,
            settle_until=row.now + producer.timeouts.deadline + row.settle,
            evidence={},
        )
        async with _meanwhile(self._tell(untold)):
            await self._purge(facility_from, facility_to)
            await self._count_against_the_rate(row.producer)
            holds = await self._db(deps.ledger.lease_holds, sending)
            # A process that was paused may hold a row that another has taken meanwhile. The clock is read last: nothing
            # is waited for between it and the first byte.
            if not holds or deps.boottime() - before_commit > deps.schedule.pause:
                await self._db(deps.ledger.end_attempt, sending, n, proves="not_sent", kind="paused")
                await self._move(sending, RowState.PRECHECKED, None, next_in=0.0, tries=sending.tries + 1)
                return
            sending, observed = await self._observe(connection, sending, facility_to)
        proves = classify(observed)
        noting = self._db(deps.ledger.end_attempt, sending, n, proves=proves.value, **describe(observed))
        async with _meanwhile(noting):
            await self._purge(facility_from, facility_to)
            await self._understand(sending, proves, observed, facility_from, facility_to)

    async def _observe(
        self, connection: Connection, row: Claimed, facility_to: Facility
    ) -> tuple[Claimed, UpdateResult | Exception]:
        call = asyncio.create_task(connection.send())
        try:
            done, _ = await asyncio.wait({call}, timeout=self._deps.schedule.waiting_told_after)
            if not done:
                row = await self._tell_waiting(row, facility_to)
            return row, await call
        except Exception as error:  # whatever it is, it is classified, and ambiguous by default
            if not isinstance(error, SchedulingFailure):
                log.error("an UpdateBooking ended in an unforeseen error", exc_info=error)
            return row, error
        finally:
            call.cancel()

    async def _tell_waiting(self, row: Claimed, facility_to: Facility) -> Claimed:
        waiting = told.waiting(row, OutcomeState.SENDING, facility=facility_to, still=True)
        try:
            return await self._stay(row, waiting, next_in=None, release=False)
        except (LedgerUnavailable, LostClaim):
            # The call is worth more than this word of comfort: cutting it would make its outcome unknown.
            log.warning("row %s: that it takes long could not be told", row.id)
            return row

    async def _understand(
        self,
        row: Claimed,
        proves: Proves,
        observed: UpdateResult | Exception,
        facility_from: Facility,
        facility_to: Facility,
    ) -> None:
        code = observed.code.value if isinstance(observed, UpdateResult) else None
        text = observed.text if isinstance(observed, UpdateResult) else None
        match proves:
            case Proves.NOT_SENT:
                row = await self._move(row, RowState.PRECHECKED, None, next_in=0.0, release=False)
                await self._try_later(row, retry_after=getattr(observed, "retry_after", None))
            case Proves.NEVER_WILL_BE:
                await self._never_sent(row, facility_to, observed)
            case Proves.CLAIMS_NEVER_WILL_BE:
                await self._verify_never_sent(row, observed, facility_from, facility_to)
            case Proves.CLAIMS_CONFIRMED:
                seen = await self._look(row, facility_from, facility_to, patience=self._deps.schedule.look_patience)
                # Nowhere, though both facilities answered, contradicts it: it may have been moved on since.
                if seen.where in (Where.AT_TARGET, Where.SILENT):
                    await self._confirm(row, facility_to, code=code, text=text, look=seen)
                else:
                    await self._unknown(row, facility_to, code=code, text=text)
            case Proves.CLAIMS_REJECTED:
                await self._verify_rejection(row, text, facility_from, facility_to)
            case Proves.AMBIGUOUS:
                await self._unknown(row, facility_to)

    async def _verify_rejection(
        self, row: Claimed, text: str | None, facility_from: Facility, facility_to: Facility
    ) -> None:
        seen = await self._look(row, facility_from, facility_to)
        match seen.where:
            case Where.AT_TARGET:
                # The platform delivers twice now and then: the first delivery did it, the second was refused.
                await self._confirm(row, facility_to, code=None, text=None, look=seen)
            case Where.AT_OLD:
                outcome = told.rejected(row, text=text, facility=facility_to)
                await self._move(
                    row,
                    RowState.REJECTED,
                    outcome,
                    next_in=self._deps.schedule.watch[0],
                    result_code=ResultCode.ERROR.value,
                    result_text=text,
                )
            case Where.ELSEWHERE if seen.timeslot is not None:
                outcome = told.other_time(row, seen.timeslot, facility=facility_from)
                await self._move(row, RowState.OTHER_TIME, outcome, next_in=None)
            case _:
                await self._unknown(row, facility_to, code=ResultCode.ERROR.value, text=text)

    async def _verify_never_sent(
        self, row: Claimed, observed: object, facility_from: Facility, facility_to: Facility
    ) -> None:
        seen = await self._look(row, facility_from, facility_to)
        match seen.where:
            case Where.AT_TARGET:
                await self._confirm(row, facility_to, code=None, text=None, look=seen)
            case Where.AT_OLD:
                await self._never_sent(row, facility_to, observed, watched=True)
            case _:
                await self._unknown(row, facility_to)

    # Finding out.

    async def _find_out(self, row: Claimed, facility_from: Facility, facility_to: Facility) -> None:
        deps = self._deps
        seen = await self._look(row, facility_from, facility_to)
        now = await self._db(deps.ledger.now)
        settle_until = row.settle_until if row.settle_until is not None else now
        conclusion, evidence = judge(
            seen,
            Evidence(**row.evidence.get("negative", {})),
            now=now,
            settle_until=settle_until,
            was_rejected=row.result_code == ResultCode.ERROR.value,
            apart=deps.schedule.two_looks_apart,
        )
        match conclusion:
            case Conclusion.CONFIRMED:
                await self._confirm(row, facility_to, code=row.result_code, text=row.result_text, look=seen)
            case Conclusion.OTHER_TIME if seen.timeslot is not None:
                outcome = told.other_time(row, seen.timeslot, facility=facility_from)
                await self._move(row, RowState.OTHER_TIME, outcome, next_in=None)
            case Conclusion.REJECTED:
                outcome = told.rejected(row, text=row.result_text, facility=facility_to)
                await self._move(row, RowState.REJECTED, outcome, next_in=deps.schedule.watch[0])
            case Conclusion.NOT_APPLIED:
                await self._settled_negative(row, now, facility_to)
            case _:
                await self._look_again(row, now, settle_until, evidence, facility_to)

    async def _settled_negative(self, row: Claimed, now: float, facility_to: Facility) -> None:
        if row.attempt < self._deps.schedule.most_attempts and now < row.deadline_at:
            await self._move(row, RowState.PRECHECKED, None, next_in=0.0, reason=SETTLED)
            return
        outcome = told.not_applied(row, problem=None, facility=facility_to)
        await self._move(row, RowState.NOT_APPLIED, outcome, next_in=self._deps.schedule.watch[0], reason=SETTLED)

    async def _look_again(
        self, row: Claimed, now: float, settle_until: float, evidence: Evidence, facility_to: Facility
    ) -> None:
        schedule = self._deps.schedule
        sent_at = row.sent_at if row.sent_at is not None else row.created_at
        if now - sent_at >= schedule.give_up or (
            now > settle_until + schedule.then_until and self._is_near(row, schedule.before_a_time)
        ):
            await self._move(row, RowState.MANUAL, told.manual(row, facility=facility_to), next_in=None)
            return
        wait = next_look(schedule, since_sent=now - sent_at, until_settled=settle_until - now, chance=self._deps.chance)
        if evidence.since is not None:
            # The second of the two looks comes as soon as it counts, also when another one came between.
            wait = min(wait, max(evidence.since + schedule.two_looks_apart - now, SOON))
        kept = {"where": evidence.where, "since": evidence.since, "booking_start": evidence.booking_start}
        await self._stay(row, None, next_in=wait, evidence={**row.evidence, "negative": kept})

    def _is_near(self, row: Claimed, seconds: float) -> bool:
        now = CivilTime.of(self._deps.clock.now()).datetime
        starts = [one.start.datetime for one in (row.sealed.old, row.sealed.new) if one.start]
        return any((start - now).total_seconds() < seconds for start in starts)

    async def _watch(self, row: Claimed, facility_from: Facility, facility_to: Facility) -> None:
        """Look again at what was told some minutes ago: a change is told, and never undone by us."""
        schedule = self._deps.schedule
        seen = await self._look(row, facility_from, facility_to)
        found: dict[str, Any] = {}
        if row.state in (RowState.NOT_APPLIED, RowState.REJECTED):
            if seen.where is Where.AT_TARGET:
                log.error("row %s: an update was applied after it had been told as not done", row.id)
                LATE_APPLIES.inc()
                await self._confirm(row, facility_to, code=None, text=None, look=seen)
                return
            if seen.where is Where.ELSEWHERE and seen.timeslot is not None:
                outcome = told.other_time(row, seen.timeslot, facility=facility_from)
                await self._move(row, RowState.OTHER_TIME, outcome, next_in=None)
                return
        elif seen.where is Where.AT_TARGET and not row.evidence.get("verified"):
            # What no look could say when it was told: whether it is so, and which id it has now. Learnt once, for what
            # stands there later may be another of the patient's.
            found = {"evidence": {**row.evidence, "verified": True}, "new_booking_id": seen.new_booking_id}
            if row.reason == NOT_THERE_ANY_MORE:
                log.warning("row %s: found where it was told to be after all", row.id)
                found["reason"] = None
        elif seen.where is Where.AT_OLD and row.reason != NOT_THERE_ANY_MORE:
            # A person has to find out: the booking system said OK, and has moved the booking nowhere, or moved it back.
            log.error("row %s: told as confirmed, and found where it was", row.id)
            NOT_THERE.inc()
            found = {"reason": NOT_THERE_ANY_MORE}
        passed = row.now - (row.ended_at if row.ended_at is not None else row.now)
        later = [at for at in schedule.watch if at > passed + 1]
        await self._stay(row, None, next_in=later[0] - passed if later else None, **found)

    # Moving.

    async def _confirm(
        self, row: Claimed, facility_to: Facility, *, code: str | None, text: str | None, look: Look
    ) -> None:
        verified = look.where is Where.AT_TARGET
        outcome = told.confirmed(row, code=code, text=text, new_booking_id=look.new_booking_id, facility=facility_to)
        await self._move(
            row,
            RowState.CONFIRMED,
            outcome,
            next_in=None if verified else self._deps.schedule.watch[0],
            result_code=code,
            result_text=text,
            new_booking_id=look.new_booking_id,
            evidence={**row.evidence, "verified": verified},
        )

    async def _unknown(
        self,
        row: Claimed,
        facility_to: Facility | None,
        *,
        code: str | None = None,
        text: str | None = None,
        release: bool = True,
    ) -> Claimed:
        now = await self._db(self._deps.ledger.now)
        settle_from = max(now, row.sent_at or now)
        first = self._deps.schedule.looks[0]
        outcome = told.waiting(row, OutcomeState.UNKNOWN, facility=facility_to)
        return await self._move(
            row,
            RowState.UNKNOWN,
            outcome,
            next_in=first,
            release=release,
            settle_until=settle_from + row.settle,
            result_code=code or row.result_code,
            result_text=text or row.result_text,
        )

    async def _try_later(self, row: Claimed, *, retry_after: float | None = None) -> None:
        wait = backoff(self._deps.schedule, row.tries, self._deps.chance)
        await self._stay(row, None, next_in=max(wait, retry_after or 0.0), tries=row.tries + 1)

    async def _never_sent(
        self, row: Claimed, facility_to: Facility | None, failure: object, *, watched: bool = False
    ) -> None:
        code = getattr(failure, "vp_code", None)
        name, phone = (facility_to.name, facility_to.phone) if facility_to else (None, None)
        if code in ("VP004", "VP007"):
            reason = NotEligible.CONTRACT_MISSING if code == "VP004" else NotEligible.NOT_OFFERED
            kind = ProblemType.FACILITY_NOT_ELIGIBLE
            problem = Problem(type=kind, facility=name, phone=phone, reason=reason.value)
        else:
            problem = Problem(type=ProblemType.FACILITY_UNAVAILABLE, facility=name, phone=phone)
        if failure is not None:
            log.error("row %s: the booking system can't be sent to: %s", row.id, failure)
        outcome = told.not_applied(row, problem=problem, facility=facility_to)
        next_in = self._deps.schedule.watch[0] if watched else self._first_watch(row)
        await self._move(row, RowState.NOT_APPLIED, outcome, next_in=next_in, reason=row.reason or "not_sent")

    def _first_watch(self, row: Claimed) -> float | None:
        """Seconds until the watcher looks at a row that ends unsent: never, unless it was sent once and settled."""
        return self._deps.schedule.watch[0] if row.reason == SETTLED else None

    async def _without_configuration(self, row: Claimed) -> None:
        """Nobody can be asked or sent to: what was never sent ends at its deadline, of the rest a person has to ask."""
        log.error("row %s: its facilities are no longer in the configuration", row.id)
        facility_to, give_up = self._deps.configuration.facility(row.facility_to), self._deps.schedule.give_up
        match row.state:
            case RowState.PRECHECKED if row.now >= row.deadline_at:
                await self._never_sent(row, facility_to, None)
            case RowState.SENDING:
                await self._unknown(row, facility_to)
            case RowState.UNKNOWN if row.now - (row.sent_at or row.created_at) >= give_up:
                await self._move(row, RowState.MANUAL, told.manual(row, facility=facility_to), next_in=None)
            case _:
                await self._stay(row, None, next_in=60.0 if row.now - row.created_at < give_up else None)

    async def _move(
        self, row: Claimed, state: RowState, outcome: Outcome | None, *, next_in: float | None, **values: Any
    ) -> Claimed:
        moved, untold = await self._commit(row, state, outcome, next_in=next_in, **values)
        await self._tell(untold)
        return moved

    async def _commit(
        self, row: Claimed, state: RowState, outcome: Outcome | None, *, next_in: float | None, **values: Any
    ) -> tuple[Claimed, list[LedgerEvent]]:
        moved, untold = await self._db(self._deps.ledger.move, row, state, outcome=outcome, next_in=next_in, **values)
        self._note(row, state)
        return moved, untold

    def _note(self, row: Claimed, state: RowState) -> None:
        """Note for the audit log what a rebooking came to; where that can't be, the ledger has it all the same."""
        try:
            self._deps.auditor.note_own(
                "booking", row.sealed.identity, "rebook", state.value, of=row.rebooking_id, command_id=row.command_id
            )
        except AuditUnavailable:
            log.error("row %s: its move to %s could not be noted in the audit log", row.id, state.value)

    async def _stay(self, row: Claimed, outcome: Outcome | None, *, next_in: float | None, **values: Any) -> Claimed:
        stayed, untold = await self._db(self._deps.ledger.stay, row, next_in=next_in, outcome=outcome, **values)
        await self._tell(untold)
        return stayed

    async def _tell(self, untold: Sequence[LedgerEvent]) -> None:
        """Put events into the log, in order: what can't be told now, the dispatcher tells later."""
        for event in untold:
            if not await self._deps.teller.tell(event):
                return
            try:
                await self._db(self._deps.ledger.published, event.row_id, event.n)
            except LedgerUnavailable:
                return  # it is told again, and the log takes it once

    # The outside.

    async def _connect(self, row: Claimed, facility_to: Facility) -> Connection:
        sealed = row.sealed
        request = UpdateRequest(
            facility=facility_to.id,
            timeslot=sealed.new,
            booking_id=row.booking_id,
            subject=sealed.identity.subject,
            first_name=sealed.identity.given_name or "",
            last_name=sealed.identity.family_name or "",
            phone=sealed.phone,
            reason=sealed.reason,
            notification=sealed.notification,
        )
        return await self._deps.systems.connect(request, self._context(row))

    async def _look(
        self, row: Claimed, facility_from: Facility, facility_to: Facility, *, patience: float | None = None
    ) -> Look:
        await self._count_against_the_rate(row.producer)
        context = self._context(row, timeout=patience)
        sent = row.attempt > 0
        try:
            # Both of a look's calls together are waited for no longer.
            async with asyncio.timeout(patience):
                return await look(
                    self._deps.systems, row.sealed, facility_from, facility_to, row.booking_id, context, sent=sent
                )
        except TimeoutError:
            return Look(Where.SILENT)
        except Exception:
            log.exception("row %s: a look ended in an unforeseen error", row.id)
            return Look(Where.SILENT)

    async def _purge(self, *facilities: Facility) -> None:
        for facility in {one.id for one in facilities}:
            try:
                await self._deps.purge(facility)
            except Exception:
                log.exception("the cached answers of %s could not be purged", facility)

    async def _count_against_the_rate(self, producer: str) -> None:
        try:
            await self._deps.rate.take_without_waiting(producer)
        except Exception:
            log.exception("a rebooking's call to %s could not be counted", producer)

    def _context(self, row: Claimed, timeout: float | None = None) -> CallContext:
        correlation_id = row.traceparent.split("-")[1] if row.traceparent else row.rebooking_id
        return CallContext(row.sealed.identity.actor, correlation_id, timeout=timeout)

    def _facilities(self, row: Claimed) -> tuple[Facility, Facility] | None:
        configuration = self._deps.configuration
        both = configuration.facility(row.facility_from), configuration.facility(row.facility_to)
        if both[0] is None or both[1] is None or any(len(one.producers) != 1 for one in both if one):
            return None
        return both[0], both[1]

    @asynccontextmanager
    async def _holding(self, row: Claimed) -> AsyncIterator[None]:
        """Renew the lease until the step ends."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._deps.schedule.renew)
                try:
                    if not await self._db(self._deps.ledger.renew, row, lease=self._deps.schedule.lease):
                        return
                except LedgerUnavailable:
                    log.warning("row %s: its lease could not be renewed", row.id)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()

    async def _db(self, call: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: call(*arguments, **named))


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Do something beside what is done in here; both are done at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await task
