"""Builds the world from the configuration file: its facilities, their ways, and the patients with their bookings."""

from __future__ import annotations

import datetime as dt

from pydantic import ValidationError

from services.simulator.facility import Facility, resources_of
from services.simulator.people import Patient, patients
from services.simulator.profile import Profile
from services.simulator.stories import book_stories
from services.simulator.world import World
from shared.configuration import Configuration, ConfigurationError

REBOOKING_CONTRACTS = (
    "GetSubjectOfCareSchedule",
    "GetBookingDetails",
    "GetAllHealthcareFacilities",
    "GetAllPerformers",
    "GetAvailableDates",
    "GetAvailableTimeslots",
    "UpdateBooking",
)
"""The interactions of crm:scheduling that the simulated facilities answer."""


def profiles_of(configuration: Configuration) -> dict[str, Profile]:
    """Read `simulator.profiles`, by HSA-id in upper case; ConfigurationError names each fault by its field."""
    profiles, faults = {}, []
    known = {hsa_id.upper() for hsa_id in configuration.facilities}
    for hsa_id, values in configuration.simulator.profiles.items():
        if hsa_id.upper() not in known:
            faults.append(f"simulator.profiles.{hsa_id}: there is no such facility")
        try:
            profile = Profile.model_validate(values)
        except ValidationError as error:
            faults += [f"simulator.profiles.{hsa_id}.{field}: {text}" for field, text in faults_of(error)]
            continue
        unknown = [related for related in profile.related if related.upper() not in known]
        faults += [f"simulator.profiles.{hsa_id}.related: there is no facility {related}" for related in unknown]
        misspelt = [name for name in profile.without if name not in REBOOKING_CONTRACTS]
        faults += [f"simulator.profiles.{hsa_id}.without: there is no contract {name}" for name in misspelt]
        profiles[hsa_id.upper()] = profile
    if faults:
        raise ConfigurationError(faults)
    return profiles


def faults_of(error: ValidationError) -> list[tuple[str, str]]:
    """Give each fault of a validation as field and text, without the value that was given."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        (".".join(map(str, fault["loc"])) or "body", fault["msg"].removeprefix("Value error, ")) for fault in faults
    ]


def facilities_of(configuration: Configuration) -> list[Facility]:
    """Make the facilities of the configuration, in its order."""
    profiles = profiles_of(configuration)
    made = []
    for hsa_id, facility in configuration.facilities.items():
        profile = profiles.get(hsa_id.upper(), Profile())
        resources = resources_of(hsa_id, profile.kind, configuration.simulator.seed)
        lacks = set(profile.without)
        if not any(resource.performer for resource in resources):
            lacks.add("GetAllPerformers")
        if not profile.related:
            lacks.add("GetAllHealthcareFacilities")
        listed = REBOOKING_CONTRACTS if facility.contracts == "auto" else [name.value for name in facility.contracts]
        made.append(
            Facility(
                id=hsa_id,
                name=profile.name or facility.name.upper(),
                producers=frozenset(facility.producers),
                profile=profile,
                contracts=frozenset({*listed, *profile.also} - lacks),
                resources=resources,
            )
        )
    return made


def people_of(configuration: Configuration) -> list[Patient]:
    """Give the patients of the configuration, the demo patients first."""
    return list(patients(configuration.simulator.patients))


def build_world(configuration: Configuration, now: dt.datetime) -> World:
    """Make the world as it is before anything happens, seen from now (naive Swedish civil time).

    Raises ConfigurationError when there is nothing to make it of.
    """
    if not configuration.facilities:
        raise ConfigurationError(["facilities: there are none to simulate"])
    world = World(facilities_of(configuration), configuration.simulator.seed)
    book_stories(world, people_of(configuration), now)
    return world
