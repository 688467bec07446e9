"""`confirm`: the one command that the ledger decides. The row is committed before anybody is told "accepted".

Source: architecture, "A rebooking is a ledger row first"; the reliability rules 3.
"""

from __future__ import annotations

from services.gateway import refusals
from services.gateway.commands import Asked, check_open, checked_comment
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import Confirm
from shared.contracts.events import encode, of_outcome
from shared.contracts.problems import Problem, ProblemType, Refusal
from shared.contracts.sections import DetailsData, SectionName, State
from shared.ledger.port import LedgerEvent, NewRebooking, Sealed
from shared.messaging.event_log import NewEntry
from shared.sealing import Sealer


def prepare(asked: Asked, command: Confirm, *, fingerprint: str, owner: str, sealer: Sealer) -> NewRebooking:
    """Make of the choices what the ledger is asked to accept. Raises Refusal, in the order of the patient's steps."""
    check_open(asked, command)
    if command.seq is not None and asked.folded.last_choice_made > command.seq:
        raise Refusal(Problem(type=ProblemType.BOOKING_CHANGED))
    chosen, choices = asked.chosen, asked.choices
    if asked.booking is None:
        raise refusals.field("name", "booking_first", asked.language)
    if not choices.facilities_confirmed:
        raise refusals.field("name", "facilities_first", asked.language)
    if chosen is None or choices.timeslot_id is None or asked.folded.data(SectionName.DETAILS) is None:
        raise refusals.field("name", "timeslot_first", asked.language)
    if _no_longer_free(asked):
        raise Refusal(Problem(type=ProblemType.TIMESLOT_UNKNOWN))
    for name in ("given_name", "family_name"):
        if not getattr(asked.identity, name):
            raise refusals.field(f"token.{name}", "name_missing", asked.language)
    details = DetailsData.model_validate(asked.folded.data(SectionName.DETAILS))
    reason = checked_comment(asked, chosen.timeslot, details.comment)
    origin = asked.configuration.facility(asked.facts.facility)
    target = asked.configuration.facility(chosen.facility)
    producer = asked.configuration.producer_of(target) if target else None
    if origin is None or target is None or producer is None:
        raise Refusal(Problem(type=ProblemType.TIMESLOT_UNKNOWN))
    sealed = Sealed(
        identity=asked.identity,
        old=asked.booking,
        new=chosen.timeslot,
        reason=reason,
        phone=details.phone,
        notification=target.notification,
        summary=details.summary,
        language=asked.language,
    )
    return NewRebooking(
        rebooking_id=asked.rebooking_id,
        command_id=command.id,
        content_sha256=fingerprint,
        subject_hmac=owner,
        sealed=sealer.seal_model(sealed),
        facility_from=origin.id,
        facility_to=target.id,
        booking_id=asked.facts.booking_id,
        producer=target.producers[0],
        settle=producer.settle,
        language=asked.language,
        traceparent=asked.traceparent,
    )


def _no_longer_free(asked: Asked) -> bool:
    """Whether the timeslot has begun, or the day's list was fetched again and doesn't hold it any more."""
    chosen = asked.chosen
    assert chosen is not None
    if chosen.timeslot.start is None or chosen.timeslot.start <= CivilTime.of(asked.now):
        return True
    shown = asked.folded.section(SectionName.TIMESLOTS)
    data = shown.get("data")
    if shown["state"] not in (State.READY.value, State.EMPTY.value) or not data:
        return False
    same_day = data["date"] == chosen.timeslot.start.date.isoformat()
    return same_day and all(one["timeslot_id"] != chosen.timeslot_id for one in data["timeslots"])


def told(event: LedgerEvent, *, fingerprint: str, expected_choice: int) -> NewEntry:
    """The ledger's first event as an entry of the log.

    It counts as a choice, so that a choice folded before it is refused: nothing may be chosen while it is open.
    """
    outcome = event.outcome
    return NewEntry(
        key=f"ledger:{event.row_id}:{event.n}",
        public=encode(
            of_outcome(outcome.state),
            command_id=outcome.command_id,
            at=outcome.updated_at,
            final=False,
            data={"outcome": outcome.public()},
        ),
        fingerprint=fingerprint,
        expected_choice=expected_choice,
    )
