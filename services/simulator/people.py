"""Made-up people: patients with valid test numbers, and names for those who see them.

The numbers have the form of the Swedish tax agency's test numbers (birth numbers 238 and 239, right check digit), so
they belong to nobody. Source: the personal identity number's check digit (modulus 10, weights 2 and 1).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

WOMEN = (
    "Saga", "Maja", "Elsa", "Ingrid", "Karin", "Fatima", "Linnea", "Birgitta", "Ebba", "Amina", "Sofia",
    "Greta", "Åsa", "Mirjam", "Ylva",
)  # fmt: skip
MEN = (
    "Nils", "Oskar", "Erik", "Ahmed", "Gustav", "Lars", "Elias", "Björn", "Mehmet", "Anton", "Viktor",
    "Sven", "Östen", "Jonas", "Axel",
)  # fmt: skip
FAMILY_NAMES = (
    "Ekström", "Lindqvist", "Sjöberg", "Haddad", "Åkesson", "Nyström", "Bergvall", "Öhman", "Kallas",
    "Forsell", "Grahn", "Yilmaz", "Hedlund", "Sandell", "Wallin", "Norén", "Dahlman", "Rask", "Tornberg",
    "Ahlbäck",
)  # fmt: skip

_FEMALE, _MALE = "238", "239"
_FIRST_BIRTHDAY = dt.date(1885, 1, 1).toordinal()
_BIRTHDAYS = 50_000
_STRIDE = 7_919  # has no factor in common with the number of birthdays, so each one comes up once


@dataclass(frozen=True, slots=True)
class Patient:
    """A demo patient: twelve-digit test number, names and phone number."""

    subject: str
    given_name: str
    family_name: str
    phone: str


def check_digit(nine: str) -> str:
    """Give the tenth digit of a personal identity number from the nine before it, yymmddnnn."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(nine))
    return str(-sum(n // 10 + n % 10 for n in doubled) % 10)


def made_up_number(birthday: dt.date, birth_number: str) -> str:
    """Make a twelve-digit test number of a birthday and three digits, with its check digit."""
    day = birthday.strftime("%Y%m%d")
    return day + birth_number + check_digit(day[2:] + birth_number)


DEMO_PATIENTS = (
    Patient(made_up_number(dt.date(1987, 6, 22), _FEMALE), "Saga", "Ekström", "070-174 06 05"),
    Patient(made_up_number(dt.date(1951, 3, 9), _MALE), "Nils", "Åkesson", "070-174 06 06"),
    Patient(made_up_number(dt.date(1974, 11, 30), _FEMALE), "Fatima", "Haddad", "070-174 06 07"),
    Patient(made_up_number(dt.date(1999, 2, 28), _MALE), "Oskar", "Bergvall", "070-174 06 08"),
    Patient(made_up_number(dt.date(1962, 8, 17), _FEMALE), "Birgitta", "Sjöberg", "070-174 06 09"),
    Patient(made_up_number(dt.date(2004, 2, 29), _MALE), "Elias", "Öhman", "070-174 06 10"),
    Patient(made_up_number(dt.date(1980, 12, 24), _FEMALE), "Linnea", "Nyström", "070-174 06 11"),
    Patient(made_up_number(dt.date(1945, 5, 7), _MALE), "Mehmet", "Yilmaz", "070-174 06 12"),
    Patient(made_up_number(dt.date(1993, 7, 14), _FEMALE), "Ylva", "Norén", "070-174 06 13"),
    Patient("191212121212", "Tolvan", "Tolvansson", "070-174 06 14"),
)
"""The patients that have a story each; the last one is an old acquaintance of everybody in the field."""


def patients(count: int) -> Iterator[Patient]:
    """Give so many patients, all different: the demo patients first, then as many more as are asked for."""
    known = {patient.subject for patient in DEMO_PATIENTS}
    yield from itertools.islice(DEMO_PATIENTS, count)
    others = (patient for patient in map(_another, itertools.count()) if patient.subject not in known)
    yield from itertools.islice(others, max(0, count - len(DEMO_PATIENTS)))


def _another(index: int) -> Patient:
    turn, place = divmod(index, _BIRTHDAYS)
    birthday = dt.date.fromordinal(_FIRST_BIRTHDAY + place * _STRIDE % _BIRTHDAYS)
    female = turn % 2 == 0
    given = (WOMEN if female else MEN)[index % 15]
    family = FAMILY_NAMES[index // 15 % len(FAMILY_NAMES)]
    phone = f"070-174 06 {5 + index % 95:02d}"  # the numbers that are set aside for fiction
    return Patient(made_up_number(birthday, _FEMALE if female else _MALE), given, family, phone)
