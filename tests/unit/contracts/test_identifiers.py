"""Identifiers: what is one, how they compare, and what they never show."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.contracts.identifiers import (
    BookingId,
    CommandId,
    HsaId,
    RebookingId,
    SubjectOfCareId,
    hsa_key,
    new_rebooking_id,
)

NUMBER = "198706222380"


class Person(BaseModel):
    """Something that holds a personal number."""

    subject: SubjectOfCareId


def accepts(kind: Any, value: str) -> bool:
    """Whether a value is one of a kind."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def test_a_personal_number_never_shows_itself() -> None:
    """Neither repr, str, format, nor a model's repr or JSON holds the number; reveal alone gives it."""
    person = Person(subject=SubjectOfCareId(NUMBER))
    shown = f"{person!r} {person} {person.subject!r} {person.subject} {[person.subject]} {person.model_dump_json()}"
    assert NUMBER not in shown
    assert NUMBER[8:] not in shown
    assert person.subject.reveal() == NUMBER
    assert person.subject.masked == "19870622-****"


def test_a_personal_number_is_revealed_for_sealing_alone() -> None:
    """Only a dump that asks to reveal holds the number, and it can be read back."""
    dumped = Person(subject=SubjectOfCareId(NUMBER)).model_dump_json(context={"reveal": True})
    assert NUMBER in dumped
    assert Person.model_validate_json(dumped).subject == SubjectOfCareId(NUMBER)


@pytest.mark.parametrize(
    "wrong", ["", "19121212121", "1912121212123", "19121212-1212", "19121212X212", "１９１２１２１２１２１２", 5]
)
def test_a_wrong_number_is_refused_without_being_repeated(wrong: Any) -> None:
    """Anything but twelve characters in the right form is a ValueError that doesn't repeat it."""
    with pytest.raises(ValueError) as caught:
        SubjectOfCareId(wrong)
    assert not wrong or str(wrong) not in str(caught.value)


def test_reserve_numbers_are_personal_numbers_whatever_their_case() -> None:
    """p, t and f may stand ninth, and compare whatever their case."""
    assert SubjectOfCareId("20000101T220") == SubjectOfCareId("20000101t220")
    assert len({SubjectOfCareId("20000101T220"), SubjectOfCareId("20000101t220")}) == 1
    assert SubjectOfCareId(NUMBER) != NUMBER


def test_a_personal_number_is_never_pickled() -> None:
    """It can't leave the process unsealed by pickle."""
    with pytest.raises(TypeError):
        pickle.dumps(SubjectOfCareId(NUMBER))
    with pytest.raises(TypeError):
        copy.copy(SubjectOfCareId(NUMBER))


def test_hsa_ids_compare_whatever_their_case_and_keep_their_form() -> None:
    """An HSA-id keeps how it was written, and its key is the same whatever the case."""
    assert TypeAdapter(HsaId).validate_python(" se2321000016-1hz5 ") == "se2321000016-1hz5"
    assert hsa_key("se2321000016-1hz5") == hsa_key(" SE2321000016-1HZ5")


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (HsaId, "SE2321000016-1HZ5", "SE 1"),
        (HsaId, "A" * 64, "A" * 65),
        (HsaId, "SE1", "SE<1>"),
        (BookingId, "åäö 1/2", "a\nb"),
        (BookingId, "b" * 256, "b" * 257),
        (BookingId, " ", ""),
        (CommandId, "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "a b"),
        (CommandId, "a" * 64, "a" * 65),
        (RebookingId, "0123456789abcdef" * 2, "0123456789ABCDEF" * 2),
    ],
)
def test_the_borders_of_each_identifier(kind: Any, right: str, wrong: str) -> None:
    """Each identifier's longest or oddest form is accepted, and what lies just outside isn't."""
    assert accepts(kind, right)
    assert not accepts(kind, wrong)


def test_rebooking_ids_are_new_each_time() -> None:
    """A made rebooking id is one, and never the same twice."""
    made = {new_rebooking_id() for _ in range(100)}
    assert len(made) == 100
    assert all(accepts(RebookingId, one) for one in made)
