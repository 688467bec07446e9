"""Makes an access of who did it and for whom: personal numbers become keyed digests here, and nowhere later."""

from __future__ import annotations

from shared.audit.audit_log import Audit
from shared.audit.chain import Access
from shared.clock import Clock
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, Identity
from shared.observability.traces import current_trace_id
from shared.sealing import Sealer

SYSTEM = "system"
"""The actor's type when one of our own processes does what somebody asked for earlier."""


class Auditor:
    """Notes accesses for one process. Raises AuditUnavailable where one can't be noted."""

    def __init__(self, audit: Audit, sealer: Sealer, clock: Clock) -> None:
        self._audit = audit
        self._sealer = sealer
        self._clock = clock

    def check(self) -> None:
        """Return while there is room for another access: asked before one is given."""
        self._audit.check()

    async def ping(self) -> None:
        """Return while what is noted gets written."""
        self._audit.writes()

    def note(
        self, identity: Identity, act: str, outcome: str, *, of: str | None = None, command_id: str | None = None
    ) -> None:
        """Somebody with this identity did something; they are named, sealed, when they aren't the subject."""
        owner, actor = self._sealer.owner(identity.subject), self._actor(identity.actor)
        self._audit.note(
            Access(
                at=self._clock.now(),
                actor=actor,
                actor_type=identity.actor.type.value,
                subject=owner,
                act=act,
                outcome=outcome,
                of=of,
                command_id=command_id,
                trace_id=current_trace_id(),
                actor_sealed=None if actor == owner else self._sealer.seal(identity.actor.wire_id.encode()).decode(),
            )
        )

    def note_own(self, role: str, identity: Identity, act: str, outcome: str, *, of: str, command_id: str) -> None:
        """One of our own processes did something that this identity had asked for."""
        self._audit.note(
            Access(
                at=self._clock.now(),
                actor=role,
                actor_type=SYSTEM,
                subject=self._sealer.owner(identity.subject),
                act=act,
                outcome=outcome,
                of=of,
                command_id=command_id,
                trace_id=current_trace_id(),
            )
        )

    def _actor(self, actor: Actor) -> str:
        if isinstance(actor.id, SubjectOfCareId):
            return self._sealer.owner(actor.id)
        return self._sealer.digest("actor", actor.id.upper())
