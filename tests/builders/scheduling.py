"""What the booking systems speak of, valid by default: vary one thing and leave the rest."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.configuration import Configuration, parse_configuration
from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, SearchFilters, Timeslot
from shared.contracts.rules import DateWindow
from shared.scheduling.port import CallContext, UpdateRequest

FACILITY = "SE2321000016-1HZ5"
OTHER_FACILITY = "SE2321000016-2AB7"
PERFORMER = "SE2321000016-P001"
SUBJECT = "191212121212"
CONSUMER = "SE5565594230-REBOOK"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def a_subject(number: str = SUBJECT) -> SubjectOfCareId:
    """A patient's identity number, a valid test number."""
    return SubjectOfCareId(number)


def an_actor() -> Actor:
    """The patient who acts for themselves."""
    return Actor(id=a_subject(), type=ActorType.SUBJECT_OF_CARE)


def a_context(**values: Any) -> CallContext:
    """What goes along on a call."""
    return CallContext(**{"actor": an_actor(), "correlation_id": "c0ffee", **values})


def a_window(first: str = "2026-01-15", last: str = "2026-02-28") -> DateWindow:
    """The first window of 15 January."""
    return DateWindow(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def some_filters(**values: Any) -> SearchFilters:
    """Filters with the original booking's id and time type."""
    return SearchFilters(**{"booking_id": "B-1", "time_type_name": "Läkarbesök", "time_type_id": "LAK20", **values})


def a_timeslot(**values: Any) -> Timeslot:
    """A free timeslot, every text in it as a booking system would give it."""
    return Timeslot(
        **{
            "start": CivilTime("20260120100000"),
            "end": CivilTime("20260120102000"),
            "healthcare_facility": FACILITY,
            "performer": PERFORMER,
            "resource_name": "Rum 1",
            "healthcare_facility_name": "Vårdcentralen Eken",
            "performer_name": "Leg. läkare Karin Öhman",
            "resource_id": "R1",
            "time_type_name": "Läkarbesök",
            "time_type_id": "LAK20",
            "care_type_name": "Allmänmedicin",
            "care_type_id": "ALM",
            "message_allowed": True,
            **values,
        }
    )


def a_booking(**values: Any) -> Timeslot:
    """A patient's booked time, that may be moved."""
    booked = {
        "start": CivilTime("20260202090000"),
        "end": CivilTime("20260202092000"),
        "booking_id": "B-1",
        "subject_of_care": a_subject(),
        "reason": "Ont i knät",
        "cancel_booking_allowed": True,
        "rebooking_allowed": True,
    }
    return a_timeslot(**{**booked, **values})


def an_update(**values: Any) -> UpdateRequest:
    """An UpdateBooking that moves the booking to the free timeslot."""
    return UpdateRequest(
        **{
            "facility": FACILITY,
            "timeslot": a_timeslot(),
            "booking_id": "B-1",
            "subject": a_subject(),
            "first_name": "Tolvan",
            "last_name": "Tolvansson",
            "phone": "070-123 45 67",
            "reason": "Jag kan inte den dagen",
            **values,
        }
    )


def a_configuration(url: str = "http://127.0.0.1:9/{contract}", *, timeouts: str = "", tls: str = "") -> Configuration:
    """Two facilities under one booking system each, one under two and a registry, all at one address."""
    return parse_configuration(
        f"""
registry: {{url: "{url.replace("{contract}", "GetSupportedServiceContracts")}", consumer: {CONSUMER}}}
producers:
  north: {{url: "{url}", timeouts: {{{timeouts}}}, tls: {{{tls}}}}}
  south: {{url: "{url}", timeouts: {{{timeouts}}}}}
facilities:
  {FACILITY}: {{name: Eken, phone: 08-1, producers: [north]}}
  {OTHER_FACILITY}: {{name: Linden, phone: 08-2, producers: [south]}}
  SE2321000016-TWO: {{name: Almen, phone: 08-3, producers: [north, south]}}
"""
    )
