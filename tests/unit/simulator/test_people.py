"""The made-up patients: valid numbers that belong to nobody, all different."""

from __future__ import annotations

import datetime as dt
import re

from services.simulator.people import DEMO_PATIENTS, check_digit, made_up_number, patients
from tests.builders.simulator import SUBJECTS


def test_the_check_digit_is_the_one_of_known_numbers() -> None:
    """The check digit is modulus 10 with weights 2 and 1 (numbers known from the tax agency's own examples)."""
    # Given numbers whose check digit is known
    known = {"811218987": "6", "121212121": "2", "670919953": "0"}
    # When it is computed
    # Then it is the known one
    assert {nine: check_digit(nine) for nine in known} == known


def test_a_made_up_number_has_twelve_digits_and_the_birthday() -> None:
    """A made-up number is yyyymmdd, the three digits and the check digit."""
    assert made_up_number(dt.date(1987, 6, 22), "238") == "198706222380"


def test_the_demo_patients_are_the_same_each_time() -> None:
    """The ten demo patients' numbers are what the README names."""
    assert tuple(patient.subject for patient in DEMO_PATIENTS) == SUBJECTS


def test_as_many_patients_as_asked_for_all_different() -> None:
    """A hundred thousand patients have a hundred thousand valid numbers, all in the range for tests."""
    # Given, When
    everybody = list(patients(100_000))
    numbers = {patient.subject for patient in everybody}
    # Then
    assert len(numbers) == 100_000
    assert all(re.fullmatch(r"\d{8}(238|239)\d|191212121212", number) for number in numbers)
    assert all(check_digit(patient.subject[2:11]) == patient.subject[11] for patient in everybody[::97])


def test_fewer_than_ten_are_the_first_demo_patients() -> None:
    """Asking for three gives the first three demo patients."""
    assert list(patients(3)) == list(DEMO_PATIENTS[:3])
