"""A timeslot's opaque name: the same for the same fields, another for any other field, rebooking, facility or key."""

from __future__ import annotations

import string
from typing import Any

import pytest

from services.availability.timeslots import timeslot_ids
from shared.contracts.model import Timeslot
from tests.builders.gateway import OTHER, OWN, a_configuration, a_sealer

CATALOGUE = a_configuration().facilities
FULL: dict[str, Any] = {
    name: True if "bool" in str(field.annotation) else "20260202090000" if name in ("start", "end") else f"a {name}"
    for name, field in Timeslot.model_fields.items()
    if name != "subject_of_care"
}


def test_a_name_is_url_safe_and_the_same_over_a_cached_answer():
    """Twenty-two characters; what was kept and read again is the same timeslot."""
    named, timeslot = timeslot_ids(a_sealer(), "r1", CATALOGUE[OWN]), Timeslot(**FULL)
    name = named(timeslot)
    assert len(name) == 22
    assert set(name) <= set(string.ascii_letters + string.digits + "-_")
    assert named(Timeslot.model_validate_json(timeslot.model_dump_json(exclude_none=True))) == name


@pytest.mark.parametrize("field", FULL)
def test_any_other_field_is_another_timeslot(field: str) -> None:
    """Absent, or of another value; and a value that moves from one field to the next."""
    named = timeslot_ids(a_sealer(), "r1", CATALOGUE[OWN])
    other: Any = False if FULL[field] is True else "20260303090000" if field in ("start", "end") else "another"
    names = {named(Timeslot(**{**FULL, field: value})) for value in (FULL[field], None, other)}
    assert len(names) == 3


def test_a_value_in_the_next_field_is_another_timeslot():
    """Fields can't run into one another."""
    named = timeslot_ids(a_sealer(), "r1", CATALOGUE[OWN])
    names = [named(Timeslot(purpose="ab")), named(Timeslot(reason="ab")), named(Timeslot(purpose="a", reason="b"))]
    assert len(set(names)) == 3


def test_each_rebooking_facility_and_key_has_names_of_its_own():
    """So a name says nothing elsewhere."""
    sealer, timeslot = a_sealer(), Timeslot(**FULL)
    ways = [("r1", OWN), ("r2", OWN), ("r1", OTHER)]
    assert len({timeslot_ids(sealer, one, CATALOGUE[where])(timeslot) for one, where in ways}) == 3
