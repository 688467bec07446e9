"""`omboka check`: what is doubtful in a configuration, and what the booking systems say of themselves."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator

from shared.configuration import Configuration, ConfigurationError, Facility
from shared.contracts.model import REQUIRED_TO_REBOOK, Interaction
from shared.scheduling.client import SchedulingClient
from shared.scheduling.failures import SchedulingFailure
from shared.scheduling.port import LookUps

PLATFORM_TIMEOUT = 30.0
"""Seconds that the national platform itself waits for a booking system (source: contract description 4.1)."""


def remarks(configuration: Configuration) -> Iterator[str]:
    """What is allowed and yet likely to be a mistake, one sentence each."""
    for name, producer in configuration.producers.items():
        if producer.timeouts.update <= PLATFORM_TIMEOUT:
            yield (
                f"producers.{name}.timeouts.update: {producer.timeouts.update:g} s is not above the platform's own "
                f"{PLATFORM_TIMEOUT:g} s, so an answer that the platform still waits for counts as unknown here"
            )
        if producer.url.startswith("http://") and "127.0.0.1" not in producer.url and "localhost" not in producer.url:
            yield f"producers.{name}.url: is not https"
        if not any(name in facility.producers for facility in configuration.facilities.values()):
            yield f"producers.{name}: no facility uses it"
    for key, facility in configuration.facilities.items():
        if len(facility.producers) != 1:
            yield f"facilities.{key}.producers: {_systems(facility)}, so its times can't be rebooked here"
        if not facility.terms.strip():
            yield f"facilities.{key}.terms: is empty, so no terms are shown"
        if facility.contracts != "auto" and not set(facility.contracts) >= REQUIRED_TO_REBOOK:
            missing = ", ".join(sorted(one.value for one in REQUIRED_TO_REBOOK - set(facility.contracts)))
            yield f"facilities.{key}.contracts: lacks {missing}, so nothing can be rebooked to it"


def simulator_faults(configuration: Configuration) -> list[str]:
    """What is wrong with the file's `simulator` part, by field; nothing where the simulator isn't installed."""
    if importlib.util.find_spec("services.simulator") is None:
        return []
    from services.simulator.booking_systems import placed_mishaps
    from services.simulator.building import profiles_of

    faults: list[str] = []
    for read in (profiles_of, placed_mishaps):
        try:
            read(configuration)
        except ConfigurationError as error:
            faults += error.faults
    return faults


async def look_live(configuration: Configuration) -> int:
    """Ping the booking system of every facility and ask the registry; prints a line for each, gives the exit code.

    At most eight are asked at once; a booking system that doesn't answer costs its own connect and read timeouts.
    """
    places = asyncio.Semaphore(8)
    async with SchedulingClient(configuration) as systems:

        async def look(facility: Facility) -> tuple[str, bool]:
            async with places:
                return await _look_at(systems, facility)

        facilities = [one for one in configuration.facilities.values() if len(one.producers) == 1]
        for one in configuration.facilities.values():
            if len(one.producers) != 1:
                print(
                    f"{one.id} {one.name}: {_systems(one)}, so its times can't be rebooked here: not asked", flush=True
                )
        healthy = True
        for answer in asyncio.as_completed([look(one) for one in facilities]):
            line, fine = await answer
            healthy = healthy and fine
            print(line, flush=True)
    return 0 if healthy else 1


async def _look_at(systems: LookUps, facility: Facility) -> tuple[str, bool]:
    try:
        version = await systems.ping_for_configuration(facility.id)
        alive, fine = f"answers ({version})", True
    except SchedulingFailure as failure:
        alive, fine = f"DOES NOT ANSWER: {failure}", False
    if facility.contracts == "auto":
        try:
            contracts = await systems.get_supported_service_contracts(facility.id)
        except SchedulingFailure as failure:
            return f"{facility.id} {facility.name}: {alive}; the registry DOES NOT ANSWER: {failure}", False
    else:
        contracts = frozenset(facility.contracts)
    return f"{facility.id} {facility.name}: {alive}; {_supported(contracts)}", fine


def _systems(facility: Facility) -> str:
    return f"{len(facility.producers) or 'no'} booking systems"


def _supported(contracts: frozenset[Interaction]) -> str:
    if not contracts >= REQUIRED_TO_REBOOK:
        missing = ", ".join(sorted(one.value for one in REQUIRED_TO_REBOOK - contracts))
        return f"can't be rebooked to: lacks {missing}"
    optional = {
        Interaction.GET_ALL_HEALTHCARE_FACILITIES: "other facilities",
        Interaction.GET_ALL_PERFORMERS: "choice of person",
        Interaction.GET_ALL_CARE_TYPES: "care types",
    }
    extras = [name for interaction, name in optional.items() if interaction in contracts]
    return "rebooking" + (f", {', '.join(extras)}" if extras else "")
