"""The control: a booking worker as one would write it first. Celery's defaults, and blind retries.

It takes the row's id from the same exchange, over a queue of Celery's own kind, sends UpdateBooking, and tells the
patient what the answer says. What fails is sent again. It keeps no state: that is the point.

    python -m tests.chaos.naive
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from celery import Celery, Task
from kombu import Connection, Exchange, Queue
from sqlalchemy import select

from services.booking.telling import Teller
from shared.clock import SystemClock
from shared.configuration import load_configuration
from shared.contracts.commands import Rebook
from shared.contracts.model import ResultCode, UpdateResult
from shared.contracts.routes import BOOKING_QUEUE, ROUTES
from shared.contracts.sections import Outcome, OutcomeState
from shared.ledger.engine import make_engine
from shared.ledger.port import LedgerEvent, Sealed
from shared.ledger.tables import rebooking_row
from shared.messaging.event_log_redis import RedisEventLog
from shared.scheduling.client import SchedulingClient
from shared.scheduling.port import CallContext, UpdateRequest
from shared.sealing import Sealer
from shared.settings import read_settings

QUEUE = "celery"
"""Celery's default queue."""

settings = read_settings(os.environ)
configuration = load_configuration(str(settings.config))
app = Celery("naive", broker=settings.broker_url)


def read_row(row_id: str) -> Any:
    """What the patient confirmed."""
    engine = make_engine(str(settings.database_url))
    try:
        with engine.connect() as connection:
            return connection.execute(select(rebooking_row).where(rebooking_row.c.id == row_id)).one()
    finally:
        engine.dispose()


async def update(row: Any, sealed: Sealed) -> UpdateResult:
    """Send UpdateBooking and believe the answer."""
    target = configuration.facility(row.facility_to)
    assert target is not None
    request = UpdateRequest(
        facility=target.id,
        timeslot=sealed.new,
        booking_id=row.booking_id,
        subject=sealed.identity.subject,
        first_name=sealed.identity.given_name or "",
        last_name=sealed.identity.family_name or "",
        phone=sealed.phone,
        reason=sealed.reason,
        notification=sealed.notification,
    )
    async with SchedulingClient(configuration) as systems:
        connection = await systems.connect(request, CallContext(sealed.identity.actor, row.rebooking_id))
        try:
            return await connection.send()
        finally:
            await connection.close()


async def tell(row: Any, state: OutcomeState) -> None:
    """Tell the patient."""
    outcome = Outcome(state=state, command_id=row.command_id, updated_at=SystemClock().now())
    events = RedisEventLog(str(settings.events_url))
    try:
        await Teller(events).tell(LedgerEvent(row.id, row.rebooking_id, 2, outcome))
    finally:
        await events.close()


@app.task(name=ROUTES[Rebook].task, bind=True, max_retries=3, default_retry_delay=2)
def rebook(self: Task, message: dict[str, Any]) -> None:
    """Send, and send again when that fails."""
    row = read_row(message["row_id"])
    sealed = Sealer(settings.data_keys, str(settings.hmac_key)).open_model(Sealed, row.sealed)
    try:
        result = asyncio.run(update(row, sealed))
    except Exception as error:
        if self.request.retries >= self.max_retries:
            asyncio.run(tell(row, OutcomeState.NOT_APPLIED))
            return
        raise self.retry(exc=error) from error
    asyncio.run(tell(row, OutcomeState.REJECTED if result.code is ResultCode.ERROR else OutcomeState.CONFIRMED))


def main() -> None:
    """Bind Celery's own queue to where the gateways publish, and work."""
    with Connection(settings.broker_url) as connection:
        exchange = Exchange(BOOKING_QUEUE, type="topic", durable=True)
        Queue(QUEUE, exchange, routing_key=BOOKING_QUEUE)(connection.channel()).declare()
    app.worker_main(["worker", "--loglevel=WARNING"])


if __name__ == "__main__":
    main()
