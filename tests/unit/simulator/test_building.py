"""From the configuration file to the world: profiles, faults in them, and the demo's own file."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.simulator.building import build_world, facilities_of, profiles_of
from services.simulator.clock import SimulatorClock
from services.simulator.demo import demo_configuration
from services.simulator.people import DEMO_PATIENTS, patients
from services.simulator.stories import LONG_REASON, PLAIN_PURPOSE, STORIES
from services.simulator.world import Search
from shared.configuration import Configuration, ConfigurationError
from tests.builders.simulator import HOME, NOW, a_simulator_configuration, a_world


@pytest.mark.parametrize(
    ("profiles", "fault"),
    [
        ({HOME: {"kind": "spa"}}, f"simulator.profiles.{HOME}.kind"),
        ({HOME: {"colour": "green"}}, f"simulator.profiles.{HOME}.colour"),
        ({HOME: {"quirks": {"odd": True}}}, f"simulator.profiles.{HOME}.quirks.odd"),
        ({HOME: {"related": ["SE0-NOWHERE"]}}, "there is no facility SE0-NOWHERE"),
    ],
)
def test_a_faulty_profile_is_named(profiles: dict[str, dict[str, Any]], fault: str) -> None:
    """Nothing starts on a file whose profiles are faulty; each fault is told by its field."""
    with pytest.raises(ConfigurationError) as caught:
        profiles_of(a_simulator_configuration(profiles))
    assert any(fault in one for one in caught.value.faults)


def test_a_file_without_facilities_is_told() -> None:
    """There would be nowhere for a patient to have a booking."""
    configuration = a_simulator_configuration({}).model_copy(update={"facilities": {}})
    with pytest.raises(ConfigurationError, match="facilities: there are none to simulate"):
        build_world(configuration, NOW)


def test_a_profile_for_an_unknown_facility_is_a_fault() -> None:
    """A slip in an HSA-id is found."""
    configuration = a_simulator_configuration()
    simulator = configuration.simulator.model_copy(update={"profiles": {"SE0-NOWHERE": {}}})
    with pytest.raises(ConfigurationError, match="SE0-NOWHERE: there is no such facility"):
        profiles_of(configuration.model_copy(update={"simulator": simulator}))


def test_the_booking_systems_name_differs_from_the_catalogues() -> None:
    """Who shows the name on the wire shows the wrong one, so that it is found out."""
    configuration = a_simulator_configuration()
    for facility in facilities_of(configuration):
        assert facility.name != configuration.facilities[facility.id].name


def test_a_list_of_contracts_in_the_file_holds() -> None:
    """A facility with a list of contracts has those; `also` adds one that the registry names."""
    configuration = a_simulator_configuration({HOME: {"also": ["GetAllCareTypes"], "without": ["UpdateBooking"]}})
    data = configuration.model_dump(mode="json")
    data["facilities"][HOME]["contracts"] = ["GetBookingDetails", "UpdateBooking"]
    home = facilities_of(Configuration.model_validate(data))[0]
    assert home.contracts == {"GetBookingDetails", "GetAllCareTypes"}


@pytest.mark.parametrize("now", [dt.datetime(2026, 1, 1), dt.datetime(2026, 4, 3, 23, 59), dt.datetime(2027, 12, 23)])
def test_every_story_is_told_whenever_the_demo_starts(now: dt.datetime) -> None:
    """On a holiday, late at night or before Christmas: each demo patient has their bookings, in the future but one."""
    world = build_world(demo_configuration("http://127.0.0.1:1"), now)
    told = [booking for patient in DEMO_PATIENTS for booking in world.bookings(patient.subject)]
    assert sorted(booking.story for booking in told) == sorted(story.name for story in STORIES)
    assert {booking.story for booking in told if booking.start and booking.start <= now} == {"passed"}


def test_long_texts_are_long_enough_to_be_cut() -> None:
    """A reason and a purpose of more than ninety characters."""
    assert len(LONG_REASON) > 90
    assert len(PLAIN_PURPOSE) > 90


def test_everybody_gets_a_time_of_their_own() -> None:
    """A thousand patients get bookings, no two at the same time with the same resource."""
    world = a_world(patients=1000)
    booked = [
        (booking.facility, booking.resource.id, booking.start)
        for patient in patients(1000)
        for booking in world.bookings(patient.subject)
        if booking.start
    ]
    assert len(booked) > 900
    assert len(set(booked)) == len(booked)


def test_the_demo_is_a_whole_configuration_at_the_simulators_address() -> None:
    """Every address of the demo's file is the simulator's, and it has all that there is to see."""
    # Given, When
    configuration = demo_configuration("http://127.0.0.1:40123/")
    world = build_world(configuration, NOW)
    # Then
    assert configuration.registry
    addresses = [configuration.registry.url, *(producer.url for producer in configuration.producers.values())]
    assert all(address.startswith("http://127.0.0.1:40123/") and ":8090" not in address for address in addresses)
    profiles = [facility.profile for facility in world.facilities.values()]
    assert {profile.booking_id for profile in profiles} == {"kept", "new"}
    assert {profile.message_allowed for profile in profiles} == {True, False}
    assert any(profile.info for profile in profiles)
    assert any(len(facility.producers) > 1 for facility in world.facilities.values())
    assert {len(facility.terms) > 0 for facility in configuration.facilities.values()} == {True}


def test_the_first_demo_patient_finds_free_time_in_the_first_window() -> None:
    """The README's way through works: free timeslots at the own facility and at each listed one."""
    world = build_world(demo_configuration("http://127.0.0.1:1"), NOW)
    booking = world.bookings(DEMO_PATIENTS[0].subject)[0]
    home = world.facility(booking.facility)
    assert home
    assert booking.story == "ordinary"
    for target in world.listed_facilities(home, booking.id):
        search = Search(target, booking.subject, NOW.date(), dt.date(2026, 2, 28), booking_id=booking.id)
        assert len(world.timeslots(search, NOW)) > 20


def test_the_clock_stands_still_or_goes_on() -> None:
    """A fixed clock doesn't move with its source; a ticking one does; an aware time becomes Swedish."""
    times = iter([dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC), dt.datetime(2026, 7, 1, 11, tzinfo=dt.UTC)])
    clock = SimulatorClock(lambda: next(times), fixed=dt.datetime(2026, 1, 15, 7, tzinfo=dt.UTC))
    assert clock.now() == clock.now() == dt.datetime(2026, 1, 15, 8)
    clock.set(dt.datetime(2026, 3, 1), ticking=True)
    assert clock.now() == dt.datetime(2026, 3, 1, 1)
