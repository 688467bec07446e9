"""The peers: one aiohttp handler that answers a look-up by itself, without queue, bulkhead, cache or event log.

`zeep` is what a team would write instead: zeep and requests in a thread pool of 32. `rim` is the same handler on our
own SOAP client. Run as a process: `python -m benchmarks.peer KIND PORT CONFIGURATION`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import zeep
from aiohttp import web
from pydantic import TypeAdapter

from shared.configuration import Configuration, load_configuration
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, SearchFilters, Timeslot
from shared.contracts.rules import DateWindow
from shared.scheduling import envelopes
from shared.scheduling.client import SchedulingClient
from shared.scheduling.port import CallContext

THREADS = 32
TIMESLOTS = TypeAdapter(tuple[Timeslot, ...])
FIELDS = {
    "start": "startTimeInclusive",
    "end": "endTimeExclusive",
    "healthcare_facility": "healthcare_facility",
    "performer": "performer",
    "resource_name": "resourceName",
    "healthcare_facility_name": "healthcare_facility_name",
    "performer_name": "performerName",
    "resource_id": "resourceID",
    "time_type_name": "timeTypeName",
    "time_type_id": "timeTypeID",
    "care_type_name": "careTypeName",
    "care_type_id": "careTypeID",
    "message_allowed": "message_allowed",
}


class ByZeep:
    """zeep and requests, a session for each thread, the answer into pydantic."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._pool = ThreadPoolExecutor(THREADS)
        self._wsdl = str(Path(envelopes.DOCUMENTS) / "GetAvailableTimeslots.wsdl")
        self._local = threading.local()

    async def timeslots(self, facility: str, day: dt.date, patient: str) -> bytes:
        """The timeslots of a day as JSON."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, facility, day, patient)

    def _service(self, address: str) -> Any:
        if not hasattr(self._local, "client"):
            self._local.client, self._local.services = zeep.Client(self._wsdl), {}
        services = self._local.services
        if address not in services:
            binding = next(iter(self._local.client.wsdl.bindings))
            services[address] = self._local.client.create_service(binding, address)
        return services[address]

    def _ask(self, facility: str, day: dt.date, patient: str) -> bytes:
        name = self._configuration.facilities[facility].producers[0]
        address = self._configuration.producers[name].url.replace("{contract}", "GetAvailableTimeslots")
        answer = self._service(address).GetAvailableTimeslots(
            healthcare_facility=facility,
            bookingId="B-1",
            startDateInclusive=f"{day:%Y%m%d}",
            endDateInclusive=f"{day:%Y%m%d}",
            subject_of_care=patient,
            _soapheaders={
                "LogicalAddress": facility,
                "actor": {"actorId": patient, "actorType": "subject_of_care"},
            },
        )
        entries = answer if isinstance(answer, list) else answer.timeslotDetail
        found = [Timeslot.model_validate({name: entry[wire] for name, wire in FIELDS.items()}) for entry in entries]
        return TIMESLOTS.dump_json(tuple(found))


class ByRim:
    """Our SOAP client, on the handler's own loop."""

    def __init__(self, configuration: Configuration) -> None:
        self._client = SchedulingClient(configuration)

    async def timeslots(self, facility: str, day: dt.date, patient: str) -> bytes:
        """The timeslots of a day as JSON."""
        subject = SubjectOfCareId(patient)
        context = CallContext(Actor(id=subject, type=ActorType.SUBJECT_OF_CARE))
        found = await self._client.get_available_timeslots(
            facility, subject, DateWindow.of_day(day), SearchFilters(booking_id="B-1"), context
        )
        return TIMESLOTS.dump_json(found)


def make_app(kind: str, configuration: Configuration) -> web.Application:
    """The application of a peer."""
    asked = ByZeep(configuration) if kind == "zeep" else ByRim(configuration)

    async def take(request: web.Request) -> web.Response:
        day = dt.date.fromisoformat(request.query["day"])
        body = await asked.timeslots(request.query["facility"], day, request.query["patient"])
        return web.Response(body=body, content_type="application/json")

    async def health(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/timeslots", take)
    app.router.add_get("/healthz", health)
    return app


if __name__ == "__main__":
    web.run_app(
        make_app(sys.argv[1], load_configuration(Path(sys.argv[3]))),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        access_log=None,
        print=None,
    )
