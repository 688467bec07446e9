"""The yellow box: the seed's rows, order and names."""

from __future__ import annotations

from typing import Any

import pytest

from shared.configuration import Facility
from shared.contracts.civil_time import CivilTime
from shared.contracts.model import Timeslot
from shared.presentation.yellow_box import LABELS, yellow_box


def a_facility(**changes: Any) -> Facility:
    """A facility of the catalogue."""
    return Facility(**{"id": "SE1", "name": "Vårdcentralen Lindängen", "phone": "08-1", **changes})


def a_timeslot(**changes: Any) -> Timeslot:
    """A timeslot with everything that a box can show."""
    return Timeslot(
        **{
            "start": CivilTime("20260115101500"),
            "end": CivilTime("20260115103000"),
            "healthcare_facility_name": "Deras namn",
            "performer_name": "Anna Berg",
            "resource_name": "Rum 3",
            "care_type_name": "Öppenvård",
            "time_type_name": "Nybesök",
            "reason": "Ont i knät",
            "purpose": "Ta med legitimation",
            **changes,
        }
    )


def test_a_box_has_the_seeds_rows_in_their_order() -> None:
    """Heading, facility, type, reason, information; purpose last, without a heading."""
    box = yellow_box(a_timeslot(), facility=a_facility(show_end_time=True), language="sv", information="Kom fastande")
    heading = box.heading
    assert (heading.date, heading.start, heading.end, heading.who) == ("2026-01-15", "10:15", "10:30", "Anna Berg")
    assert [(row.label, row.text) for row in box.rows] == [
        ("Mottagning", "Vårdcentralen Lindängen"),
        ("Typ av tid", "Nybesök"),
        ("Anledning till besöket", "Ont i knät"),
        ("Information", "Kom fastande"),
    ]
    assert box.purpose is not None
    assert (box.purpose.html, box.purpose.text) == (None, "Ta med legitimation")


def test_the_end_is_shown_only_where_the_facility_says_so() -> None:
    """Without the facility's setting, or without a facility, no end is shown."""
    assert yellow_box(a_timeslot(), facility=a_facility(), language="sv").heading.end is None
    assert yellow_box(a_timeslot(), facility=None, language="sv").heading.end is None


@pytest.mark.parametrize(
    ("missing", "who"),
    [
        ({}, "Anna Berg"),
        ({"performer_name": None}, "Rum 3"),
        ({"performer_name": None, "resource_name": None}, "Öppenvård"),
        ({"performer_name": None, "resource_name": None, "care_type_name": None}, None),
    ],
)
def test_who_is_the_first_that_exists(missing: dict[str, None], who: str | None) -> None:
    """The performer's name, else the resource's, else the care type's, else nothing."""
    assert yellow_box(a_timeslot(**missing), facility=a_facility(), language="sv").heading.who == who


def test_the_facilitys_name_is_the_catalogues() -> None:
    """The booking system's own name is never shown, not even when we don't know the facility."""
    for facility in (a_facility(), None):
        assert "Deras namn" not in yellow_box(a_timeslot(), facility=facility, language="sv").model_dump_json()


def test_rows_without_a_value_are_left_out() -> None:
    """A box of an empty timeslot has no rows and no purpose."""
    box = yellow_box(Timeslot(), facility=None, language="sv")
    assert (box.rows, box.purpose, box.heading.date) == ((), None, None)


def test_a_given_reason_replaces_the_timeslots_own() -> None:
    """Page 4 shows exactly the comment just given, and none when none was."""
    given = yellow_box(a_timeslot(), facility=None, language="sv", reason="Krockar")
    assert [row.text for row in given.rows if row.key == "reason"] == ["Krockar"]
    none = yellow_box(a_timeslot(), facility=None, language="sv", reason=None)
    assert not [row for row in none.rows if row.key == "reason"]


@pytest.mark.parametrize(("length", "cut_at"), [(90, None), (91, 90)])
def test_reason_and_purpose_are_cut_at_ninety(length: int, cut_at: int | None) -> None:
    """Both follow the rule of ninety characters."""
    box = yellow_box(a_timeslot(reason="ö" * length, purpose="ä" * length), facility=None, language="sv")
    reason = next(row for row in box.rows if row.key == "reason")
    assert box.purpose is not None
    assert reason.cut_at == box.purpose.cut_at == cut_at
    assert reason.text == "ö" * length
    assert reason.short == (None if cut_at is None else "ö" * 90)


def test_docbook_is_never_cut() -> None:
    """A purpose in DocBook is shown in full, as safe HTML."""
    box = yellow_box(a_timeslot(purpose=f"<article><para>{'x' * 200}</para></article>"), facility=None, language="sv")
    assert box.purpose is not None
    assert (box.purpose.html, box.purpose.cut_at, box.purpose.text) == (f"<p>{'x' * 200}</p>", None, None)


def test_an_empty_document_is_no_purpose() -> None:
    """DocBook that holds nothing to show leaves the purpose out, a script's content too."""
    for purpose in ("<article/>", "<article><script>alert(1)</script></article>"):
        assert yellow_box(a_timeslot(purpose=purpose), facility=None, language="sv").purpose is None


def test_a_broken_document_is_plain_text_without_tags() -> None:
    """A purpose that isn't well-formed is shown as text."""
    box = yellow_box(a_timeslot(purpose="<article><para>Hej</article>"), facility=None, language="sv")
    assert box.purpose is not None
    assert (box.purpose.html, box.purpose.text) == (None, "Hej")


@pytest.mark.parametrize(("length", "shown"), [(100, 100), (101, 100)])
def test_a_time_types_name_is_shown_up_to_a_hundred(length: int, shown: int) -> None:
    """The name of the time type is cut at 100 characters."""
    box = yellow_box(a_timeslot(time_type_name="t" * length), facility=None, language="sv")
    assert len(next(row.text for row in box.rows if row.key == "time_type")) == shown


def test_both_languages_have_every_label() -> None:
    """English is complete, and the Swedish labels are the seed's."""
    assert LABELS["sv"].keys() == LABELS["en"].keys()
    assert list(LABELS["sv"].values()) == ["Mottagning", "Typ av tid", "Anledning till besöket", "Information"]
