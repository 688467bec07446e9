"""The story of a rebooking at the gateway: begin it, read it, and do what the patient commands.

What it knows it reads from the log, from the last entry that it has folded already, or was given by the relay.
Source: architecture, "A rebooking is an event log"; the interface, "HTTP".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.gateway import confirm, metrics
from services.gateway.background import Background
from services.gateway.commands import START, Asked, Decision, begin, decide
from services.gateway.eligibility import origin
from services.gateway.identity import Caller
from services.gateway.ledger_calls import LedgerCalls
from services.gateway.rebooking_ids import new_id, was_given_to
from services.gateway.snapshot import CHOICE_KEY, ChosenTimeslot, Facts, Folded, Look, fold
from shared.clock import Clock
from shared.configuration import Configuration
from shared.contracts.commands import AnyClientCommand, ChooseTimeslot, Confirm, LookUp, Rebook, StartRebooking
from shared.contracts.events import EventName, encode, of_section
from shared.contracts.model import Language, Timeslot
from shared.contracts.problems import Problem, ProblemType, Refusal
from shared.contracts.sections import OPEN_OUTCOMES, BookingRead, OutcomeState, SectionName, State, TimeslotsRead
from shared.ledger.port import Accepted, InProgress, KeyReused, LedgerUnavailable, Told
from shared.messaging.event_log import (
    IDLE_SECONDS,
    OPEN_OUTCOME_SECONDS,
    Appended,
    Conflict,
    Entry,
    EventLog,
    Gone,
    Head,
    Known,
    LogUnavailable,
    NewEntry,
)
from shared.messaging.publisher import Publisher, PublishFailed
from shared.sealing import Sealer

TIMEOUT_GRACE = 2.0
"""Seconds after a look-up's deadline when whoever looks tells that no answer came."""

CONFLICTS = 3
"""How often a choice is decided again when another one came first."""

OPEN_PER_SUBJECT = 50
"""How many rebookings a subject may begin within an hour at one gateway."""

COMMANDS_PER_REBOOKING = 300
"""How many commands a rebooking takes, its beginning too; then it can be confirmed, or begun anew.

Its whole log is kept for an hour after its last event, each command with its answers: that must have a bound.
"""

FOLDED_KEPT = 256
"""How many folded rebookings a gateway keeps, so that it need not fold them from the start again."""

SUBJECTS_KEPT = 10_000
"""For how many subjects a gateway counts the rebookings begun; the ones longest idle are forgotten."""

REPLACED_OUTCOMES = frozenset({OutcomeState.CONFIRMED, OutcomeState.OTHER_TIME, OutcomeState.MANUAL})
_LOOKED_UP_FIRST = (SectionName.BOOKING, SectionName.FACILITIES)
_STOPS = frozenset(
    {
        ProblemType.NOT_FOUND,
        ProblemType.REBOOKING_NOT_ALLOWED,
        ProblemType.OPEN_INVITATION,
        ProblemType.ALREADY_PASSED,
        ProblemType.BOOKING_CHANGED,
    }
)


_AT_CHOSEN = frozenset({SectionName.PERFORMERS, SectionName.DAYS, SectionName.TIMESLOTS})


@dataclass(frozen=True)
class Rebooking:
    """A rebooking as it stands: its id, what never changes of it, whose it is, and what its log tells."""

    id: str
    owner: str
    facts: Facts
    folded: Folded

    def public(self, caller: Caller) -> dict[str, Any]:
        """The snapshot, for its owner."""
        return self.folded.public(self.id, self.facts, subject_name=caller.subject_name)

    @property
    def finished(self) -> bool:
        """Whether nothing more can come of it, so that beginning again makes a new one."""
        if self.folded.outcome_state in OPEN_OUTCOMES:
            return False
        if self.folded.outcome_state in REPLACED_OUTCOMES or self.full:
            return True
        problem = self.folded.section(SectionName.BOOKING).get("problem") or {}
        if str(problem.get("type", "")).rpartition(":")[2] in _STOPS:
            return True
        # Who begins again after an outage asks whether it is over, and isn't to be told that it once was.
        failed = any(self.folded.section(name)["state"] == State.FAILED.value for name in _LOOKED_UP_FIRST)
        return failed and not self.folded.choices.facilities_confirmed

    @property
    def full(self) -> bool:
        """Whether it takes no more commands but a confirm."""
        return len(self.folded.commands) >= COMMANDS_PER_REBOOKING

    @property
    def deadlines(self) -> list[float]:
        """When what is waited for should have come, in UTC seconds."""
        return [look.deadline for look in self.folded.looks.values() if look.deadline is not None]


class Rebookings:
    """Begins, reads and commands rebookings. Raises Refusal for whatever the asker is to be told."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        events: EventLog,
        publisher: Publisher,
        ledger: LedgerCalls,
        sealer: Sealer,
        clock: Clock,
        background: Background,
    ) -> None:
        self._configuration = configuration
        self._events = events
        self._publisher = publisher
        self._ledger = ledger
        self._sealer = sealer
        self._clock = clock
        self._background = background
        self._known: OrderedDict[str, Rebooking] = OrderedDict()
        self._begun: OrderedDict[str, deque[float]] = OrderedDict()

    async def start(
        self, caller: Caller, wanted: StartRebooking, *, language: Language, traceparent: str | None
    ) -> tuple[Rebooking, bool]:
        """Begin to move a booking, or find the one that is open for it already; says whether it is new.

        Raises Refusal: facility-not-eligible, overloaded, too-many-requests; LogUnavailable when the event log is away.
        """
        facility = origin(self._configuration, wanted.facility)
        self._check_begun(caller.owner)
        index = self._sealer.digest("rebooking", caller.owner, facility.id.upper(), wanted.booking_id)
        now = self._clock.now()
        facts = Facts(facility=facility.id, booking_id=wanted.booking_id, language=language, created_at=now)
        head = Head(owner=caller.owner, index=index, body=self._sealer.seal_model(facts))
        rebooking_id = new_id(self._sealer, caller.owner)
        asked = Asked(
            rebooking_id=rebooking_id,
            facts=facts,
            folded=Folded(),
            identity=caller.identity,
            sealed=self._sealer.seal_identity(caller.identity),
            configuration=self._configuration,
            now=now,
            today=self._clock.today(),
            traceparent=traceparent,
        )
        decision = begin(asked)
        entries = self._entries(asked, decision, START, fingerprint=START)
        replaces: str | None = None
        for _ in range(CONFLICTS):
            opened = await self._events.open(rebooking_id, head, entries, replaces=replaces)
            if opened.created:
                self._count_begun(caller.owner)
                metrics.REBOOKINGS.inc()
                self._ask(decision, basis=1)
                return await self._load(opened.rebooking_id), True
            found = await self._find(opened.rebooking_id)
            if found is not None and not found.finished:
                return await self._swept(found), False
            replaces = opened.rebooking_id
        raise Refusal(Problem(type=ProblemType.OVERLOADED, retry_after=1))

    async def read(self, caller: Caller, rebooking_id: str) -> Rebooking | Told:
        """A rebooking of the caller's: as its log tells it, or when that is gone as the ledger does.

        Raises Refusal: expired when it was the caller's and nothing is left of it, not-found for everything else.
        """
        try:
            found = await self._find(rebooking_id)
        except LogUnavailable:
            kept = await self._told(caller, rebooking_id)
            if kept is None:
                raise
            return kept
        if found is not None and found.owner == caller.owner:
            return await self._swept(found)
        # Asked for another's as well, so that it takes as long as for one that isn't there.
        kept = await self._told(caller, rebooking_id)
        if kept is not None:
            return kept
        if found is None:
            self._refuse_gone(caller, rebooking_id)
        raise Refusal(Problem(type=ProblemType.NOT_FOUND))

    async def first_booked(self, caller: Caller, rebooking_id: str) -> tuple[str, str]:
        """The facility and id that the booking of a confirmed rebooking had before the first of its moves."""
        told = await self._told(caller, rebooking_id)
        if told is None:
            raise Refusal(Problem(type=ProblemType.NOT_FOUND))
        return await self._ledger.first_booked(caller.owner, told.facility_from, told.booking_id)

    async def open(self, caller: Caller, rebooking_id: str) -> Rebooking:
        """A rebooking of the caller's that still has its log; Refusal (expired, not-found) else."""
        found = await self._find(rebooking_id)
        if found is None:
            self._refuse_gone(caller, rebooking_id)
        if found is None or found.owner != caller.owner:
            raise Refusal(Problem(type=ProblemType.NOT_FOUND))
        return await self._swept(found)

    async def entries(self, rebooking: Rebooking, *, after: int) -> Sequence[Entry]:
        """The entries after a seq; Refusal (expired) when the log is gone meanwhile."""
        view = await self._events.read(rebooking.id, after=after)
        if view is None:
            raise Refusal(Problem(type=ProblemType.EXPIRED))
        return view.entries

    def learn(self, rebooking_id: str, entries: Sequence[Entry]) -> None:
        """Fold entries that somebody here has read from the log, so that a command needn't read them again."""
        known = self._known.get(rebooking_id)
        if known is not None and entries and entries[0].seq <= known.folded.seq + 1:
            self._keep(replace(known, folded=fold(known.folded, entries)))

    async def command(
        self,
        caller: Caller,
        rebooking_id: str,
        command: AnyClientCommand,
        *,
        traceparent: str | None,
        followed: bool = False,
    ) -> int:
        """Do what the patient commands, once for each command id; gives the seq of its first entry.

        A rebooking that is `followed` here is decided on as it was last relayed. That can only be too old, so whatever
        comes of it but the command done is decided again on what the log says.

        Raises Refusal when it can't be done as things stand; LogUnavailable when the event log is away.
        """
        fingerprint = _fingerprint(command)
        at_hand = self._at_hand(caller, rebooking_id) if followed and not isinstance(command, Confirm) else None
        if at_hand is not None:
            with contextlib.suppress(Refusal):
                seq = await self._choose(caller, at_hand, command, fingerprint, traceparent)
                if seq is not None:
                    return seq
        for _ in range(CONFLICTS + 1):
            rebooking = await self.open(caller, rebooking_id)
            seen = rebooking.folded.commands.get(command.id)
            if seen is not None:
                return _same(seen.seq, seen.fingerprint, fingerprint)
            if isinstance(command, Confirm):
                asked = self._asked(caller, rebooking, command, traceparent)
                return await self._confirm(caller, asked, command, fingerprint)
            seq = await self._choose(caller, rebooking, command, fingerprint, traceparent)
            if seq is not None:
                return seq
        raise Refusal(Problem(type=ProblemType.OVERLOADED, retry_after=1))

    async def _choose(
        self,
        caller: Caller,
        rebooking: Rebooking,
        command: AnyClientCommand,
        fingerprint: str,
        traceparent: str | None,
    ) -> int | None:
        """Decide any command but a confirm, and append it; None when another choice came first."""
        if rebooking.full:
            raise Refusal(Problem(type=ProblemType.EXPIRED))
        asked = self._asked(caller, rebooking, command, traceparent)
        decision = decide(asked, command)
        entries = self._entries(asked, decision, command.id, fingerprint=fingerprint)
        match await self._events.append(rebooking.id, entries):
            case Appended(seq=seq):
                self._ask(decision, basis=seq)
                return seq
            case Known(seq=seq, fingerprint=known):
                return _same(seq, known, fingerprint)
            case Gone():
                raise Refusal(Problem(type=ProblemType.EXPIRED))
            case _:
                return None

    def _at_hand(self, caller: Caller, rebooking_id: str) -> Rebooking | None:
        """The caller's rebooking as it was last seen, unless a look-up in it has to be given up first."""
        known = self._known.get(rebooking_id)
        if known is None or known.owner != caller.owner:
            return None
        return None if known.folded.overdue(self._clock.now().timestamp(), TIMEOUT_GRACE) else known

    async def sweep(self, rebooking_id: str) -> None:
        """Tell of every look-up of this rebooking that should have ended and didn't."""
        found = await self._find(rebooking_id)
        if found is not None:
            await self._swept(found)

    async def _confirm(self, caller: Caller, asked: Asked, command: Confirm, fingerprint: str) -> int:
        new = confirm.prepare(asked, command, fingerprint=fingerprint, owner=caller.owner, sealer=self._sealer)
        outcome = await self._ledger.accept(new)
        if isinstance(outcome, KeyReused):
            raise Refusal(Problem(type=ProblemType.KEY_REUSED))
        if isinstance(outcome, InProgress):
            raise Refusal(Problem(type=ProblemType.REBOOKING_IN_PROGRESS))
        seq = await self._tell_accepted(asked, outcome, fingerprint)
        self._background.start(self._wake_booking(outcome.row_id, asked.traceparent))
        return seq

    async def _tell_accepted(self, asked: Asked, accepted: Accepted, fingerprint: str) -> int:
        """Put the row's first event in the log. What can't be told now, the booking workers' dispatcher tells later."""
        expected = asked.folded.last_choice
        for _ in range(CONFLICTS + 1):
            entry = confirm.told(accepted.event, fingerprint=fingerprint, expected_choice=expected)
            try:
                outcome = await self._events.append(asked.rebooking_id, [entry], ttl=OPEN_OUTCOME_SECONDS)
            except LogUnavailable:
                break
            if isinstance(outcome, Conflict):
                expected = outcome.last_choice
                continue
            if isinstance(outcome, Appended | Known):
                self._background.start(self._note_published(accepted.event.row_id, accepted.event.n))
                return outcome.seq
            break
        return asked.folded.seq

    async def _note_published(self, row_id: str, n: int) -> None:
        try:
            await self._ledger.published(row_id, n)
        except LedgerUnavailable:
            metrics.LEFT_TO_DISPATCHER.inc()

    async def _wake_booking(self, row_id: str, traceparent: str | None) -> None:
        try:
            await self._publisher.publish(Rebook(row_id=row_id, traceparent=traceparent))
        except PublishFailed:
            metrics.LEFT_TO_DISPATCHER.inc()

    def _asked(self, caller: Caller, rebooking: Rebooking, command: AnyClientCommand, traceparent: str | None) -> Asked:
        folded, sealer = rebooking.folded, self._sealer
        booking: Timeslot | None = None
        timeslots: dict[str, Timeslot] = {}
        if folded.booking is not None:
            booking = sealer.open_model(BookingRead, folded.booking).booking
        # Nobody else needs them, and a day has many.
        if folded.timeslots is not None and isinstance(command, ChooseTimeslot):
            timeslots = sealer.open_model(TimeslotsRead, folded.timeslots).timeslots
        return Asked(
            rebooking_id=rebooking.id,
            facts=rebooking.facts,
            folded=folded,
            identity=caller.identity,
            sealed=sealer.seal_identity(caller.identity),
            configuration=self._configuration,
            now=self._clock.now(),
            today=self._clock.today(),
            traceparent=traceparent,
            booking=booking,
            timeslots=timeslots,
            chosen=sealer.open_model(ChosenTimeslot, folded.chosen) if folded.chosen is not None else None,
        )

    def _entries(self, asked: Asked, decision: Decision, command_id: str, *, fingerprint: str) -> list[NewEntry]:
        sections = {name.value: value for name, value in decision.sections.items()}
        frames: list[dict[str, Any]]
        if decision.choices is not None:
            frames = [{"choices": decision.choices.model_dump(mode="json"), "sections": sections}]
        else:
            frames = [{"section": name, "value": value} for name, value in sections.items()]
        final = decision.message is None and decision.details is None
        first, *others = (
            encode(decision.name, command_id=command_id, at=asked.now, final=final, data=data) for data in frames
        )
        private = self._sealer.seal_model(decision.chosen) if decision.chosen is not None else None
        entries = [
            NewEntry(
                key=f"{CHOICE_KEY}{command_id}",
                public=first,
                private=private,
                fingerprint=fingerprint,
                expected_choice=asked.folded.last_choice,
                rebase=tuple(name.value for name in decision.rebase),
                deadline=decision.message.deadline if decision.message is not None else None,
            )
        ]
        entries += [NewEntry(key=f"{command_id}:loading:{n}", public=public) for n, public in enumerate(others, 1)]
        if decision.details is not None:
            data = {"section": SectionName.DETAILS.value, "value": decision.details}
            public = encode(
                EventName.DETAILS_READY,
                command_id=command_id,
                at=asked.now,
                final=decision.message is None,
                data=data,
            )
            entries.append(NewEntry(key=f"{command_id}:details", public=public))
        return entries

    def _ask(self, decision: Decision, *, basis: int) -> None:
        if decision.message is not None:
            message = decision.message.model_copy(update={"basis": basis})
            self._background.start(self._publish(message, decision.awaited))

    async def _publish(self, message: LookUp, awaited: Sequence[SectionName]) -> None:
        """Hand a look-up to the workers; when that fails, say so in each section that waits for it."""
        expires = max(message.deadline - self._clock.now().timestamp(), 0.1)
        try:
            await self._publisher.publish(message, expires=expires)
        except PublishFailed:
            metrics.PUBLISH_FAILED.inc()
            for section in awaited:
                await self._fail(
                    message.rebooking_id,
                    section,
                    Look(message.basis, message.command_id, message.deadline),
                    key=f"{message.command_id}:unsent:{section.value}",
                    problem=Problem(type=ProblemType.OVERLOADED, retry_after=5),
                    language=message.language,
                )

    async def _fail(
        self,
        rebooking_id: str,
        section: SectionName,
        look: Look,
        *,
        key: str,
        problem: Problem,
        language: Language,
        data: Any = None,
    ) -> None:
        """Append that a section failed, unless something newer stands there; what comes later of it is stale."""
        value: dict[str, Any] = {"state": State.FAILED.value, "problem": problem.public(language)}
        if data is not None:
            value["data"] = data
        public = encode(
            of_section(section, State.FAILED),
            command_id=look.command_id,
            at=self._clock.now(),
            final=True,
            data={"section": section.value, "value": value},
        )
        entry = NewEntry(key=key, public=public, section=section.value, basis=look.basis, rebase=(section.value,))
        await self._events.append(rebooking_id, [entry])

    async def _swept(self, rebooking: Rebooking) -> Rebooking:
        now = self._clock.now().timestamp()
        overdue = rebooking.folded.overdue(now, TIMEOUT_GRACE)
        if not overdue:
            return rebooking
        searched = rebooking.folded.choices.facilities
        for section, look in overdue:
            metrics.NO_ANSWER.inc()
            one = searched[0] if len(searched) == 1 and section in _AT_CHOSEN else rebooking.facts.facility
            silent = self._configuration.facility(one)
            await self._fail(
                rebooking.id,
                section,
                look,
                key=f"{look.command_id}:timeout:{section.value}",
                problem=Problem(
                    type=ProblemType.FACILITY_UNAVAILABLE,
                    reason="no_answer",
                    facility=silent.name if silent else None,
                    phone=silent.phone if silent else None,
                ),
                language=rebooking.facts.language,
                data=rebooking.folded.data(section),
            )
        return await self._load(rebooking.id)

    async def _told(self, caller: Caller, rebooking_id: str) -> Told | None:
        kept = await self._ledger.read(rebooking_id)
        return kept if kept is not None and kept.subject_hmac == caller.owner else None

    def _refuse_gone(self, caller: Caller, rebooking_id: str) -> None:
        if was_given_to(self._sealer, caller.owner, rebooking_id):
            raise Refusal(Problem(type=ProblemType.EXPIRED))

    async def _load(self, rebooking_id: str) -> Rebooking:
        found = await self._find(rebooking_id)
        if found is None:
            raise Refusal(Problem(type=ProblemType.EXPIRED))
        return found

    async def _find(self, rebooking_id: str) -> Rebooking | None:
        """Fold what came since the last time; a log that is shorter than what was folded is another one."""
        known = self._known.get(rebooking_id)
        after = known.folded.seq if known is not None else 0
        view = await self._events.read(rebooking_id, after=after)
        if known is not None and view is not None and view.last_seq < after:
            known = None
            view = await self._events.read(rebooking_id)
        if view is None or not view.head.body:
            # no log, or the short one of a list of bookings, which is no rebooking
            self._known.pop(rebooking_id, None)
            return None
        if known is None:
            facts = self._sealer.open_model(Facts, view.head.body)
            known = Rebooking(id=rebooking_id, owner=view.head.owner, facts=facts, folded=Folded())
        if view.entries:
            known = replace(known, folded=fold(known.folded, view.entries))
        self._keep(known)
        return known

    def _keep(self, known: Rebooking) -> None:
        newest = self._known.get(known.id)
        if newest is None or newest.folded.seq <= known.folded.seq:
            self._known[known.id] = known
            self._known.move_to_end(known.id)
        while len(self._known) > FOLDED_KEPT:
            self._known.popitem(last=False)

    def _check_begun(self, owner: str) -> None:
        begun = self._begun.get(owner, deque())
        since = self._clock.monotonic() - IDLE_SECONDS
        while begun and begun[0] < since:
            begun.popleft()
        if len(begun) >= OPEN_PER_SUBJECT:
            raise Refusal(Problem(type=ProblemType.TOO_MANY_REQUESTS, retry_after=60))

    def _count_begun(self, owner: str) -> None:
        self._begun.setdefault(owner, deque()).append(self._clock.monotonic())
        self._begun.move_to_end(owner)
        while len(self._begun) > SUBJECTS_KEPT:
            self._begun.popitem(last=False)


def _fingerprint(command: AnyClientCommand) -> str:
    """The hash of what the client sent, for telling a repeated command from a reused id."""
    content = command.model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _same(seq: int, known: str, fingerprint: str) -> int:
    if known and known != fingerprint:
        raise Refusal(Problem(type=ProblemType.KEY_REUSED))
    return seq
