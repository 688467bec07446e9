"""Problems: every one has words in both languages, and shows only what it is made of."""

from __future__ import annotations

import pytest

from shared.contracts.problems import WORDS, Problem, ProblemType, Refusal, invalid
from shared.contracts.rules import RefusedCharacter


@pytest.mark.parametrize("type_", list(ProblemType))
def test_every_problem_has_words_in_both_languages(type_: ProblemType) -> None:
    """Each type has a status, a title and a detail, in Swedish and in English, and no blank is left in them."""
    for language in ("sv", "en"):
        shown = Problem(type=type_, facility="Lindängen", phone="08-1").public(language)
        assert shown["type"] == f"urn:omboka:problem:{type_.value}"
        assert 400 <= shown["status"] < 600
        assert shown["title"]
        assert "{" not in shown["detail"]
    assert WORDS[type_].sv != WORDS[type_].en


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (
            ProblemType.REBOOKING_NOT_ALLOWED,
            "Den här tiden kan inte bokas om här. Kontakta mottagningen på 08-1.",
        ),
        (ProblemType.OPEN_INVITATION, "Kallelsen saknar tid. Boka tid i stället för att boka om."),
        (ProblemType.ALREADY_PASSED, "Tiden har redan varit."),
        (ProblemType.NOT_FOUND, "Vi hittar inte bokningen."),
        (ProblemType.FACILITY_NOT_ELIGIBLE, "Ombokning finns inte för Lindängen. Ring 08-1."),
        (ProblemType.FACILITY_UNAVAILABLE, "Tekniskt fel. Försök igen om en stund."),
        (ProblemType.EXPIRED, "Sidan har legat öppen för länge. Börja om."),
    ],
)
def test_the_stops_of_page_one_say_what_the_flow_says(type_: ProblemType, words: str) -> None:
    """Each stop is told in the flow's own words."""
    assert Problem(type=type_, facility="Lindängen", phone="08-1").public("sv")["detail"] == words


def test_what_has_no_value_is_left_out() -> None:
    """A problem without facility, phone, reason or errors shows none."""
    assert set(Problem(type=ProblemType.EXPIRED).public()) == {"type", "title", "status", "detail"}


def test_a_refused_field_names_its_characters() -> None:
    """The refusal of a field carries the field, the words and each refused character."""
    with pytest.raises(Refusal) as caught:
        raise invalid("comment", "no", characters=(RefusedCharacter("&", "U+0026", "ampersand"),))
    assert caught.value.problem.public()["errors"] == [
        {
            "field": "comment",
            "message": "no",
            "characters": [{"char": "&", "codepoint": "U+0026", "name": "ampersand"}],
        }
    ]
    assert str(caught.value) == "invalid"
