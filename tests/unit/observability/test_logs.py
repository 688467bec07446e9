"""Logs hold no personal number, no token and no password, wherever in a record it is."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observability.logs import JsonFormatter, masked

BIRTHDAYS = st.dates().filter(lambda day: 1900 <= day.year <= 2029)


BEFORE = ["subject ", "", "\n", "\t", '"', "id_", "a-", "a.", "/", "%2F", "%0A", "=", "ä:"]
AFTER = [".", "", "\n", "\\n", "'", "_", "-1", "/timeslots", "%20", "&x"]


def a_line(text: str) -> str:
    """What stands in the log when a message holds the text."""
    return JsonFormatter().format(logging.LogRecord("omboka", logging.INFO, __file__, 1, "%s", (text,), None))


@given(
    BIRTHDAYS,
    st.integers(0, 9999),
    st.sampled_from(["", "-", "+", " "]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(BEFORE),
    st.sampled_from(AFTER),
)
def test_every_form_of_a_personal_number_is_masked(
    day: object, last: int, separator: str, century: bool, coordination: bool, before: str, after: str
) -> None:
    """With and without century and separator, whatever it stands beside; co-ordination numbers have sixty more days."""
    text = day.strftime("%Y%m%d")  # type: ignore[attr-defined]
    if coordination:
        text = text[:6] + str(int(text[6:]) + 60)
    number = (text if century else text[2:]) + separator + f"{last:04d}"
    assert number not in a_line(f"{before}{number}{after}")


@pytest.mark.parametrize("number", ["19121212P123", "20010229t001", "19121272F123"])
def test_reserve_numbers_are_masked(number: str) -> None:
    """The ninth character may be a letter."""
    assert number not in masked(f"'{number}'")


@pytest.mark.parametrize(
    "text",
    [
        "SE2321000016-1HZ5",
        "5f1c3a80-9d1f-4b41-9d5a-0a1b2c3d4e5f",
        "20260115080000",
        "0123456789abcdef0123456789abcdef",
        "took 1234567 ms",
        "row 243165a1f42f4e88bed628090c16cf0c",
        "took 0.1912121212 s",
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    """HSA-ids, ids and times are what an operator searches by."""
    assert masked(text) == text


def test_tokens_seals_and_passwords_are_masked() -> None:
    """JWTs, Fernet tokens, and the passwords of addresses."""
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_def"
    fernet = "gAAAAABnQ0fkP3mZx0v8J1q2w3e4r5t6y7u8i9o0p"
    shown = masked(f"{jwt} {fernet} amqp://omboka:hemligt@rabbitmq:5672//")
    assert jwt not in shown
    assert fernet not in shown
    assert "hemligt" not in shown
    assert "omboka" in shown


def test_a_record_is_one_masked_json_line() -> None:
    """Message, arguments, bound values and traceback."""
    try:
        raise ValueError("bad number 191212121212")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("omboka", logging.ERROR, __file__, 1, "for %s", ("19121212-1212",), info)
    record.rebooking_id = "191212121212"
    record.asked = {"of": ["a\n191212121212", 191212121212], "count": 3}
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "1212121212" not in line
    assert "19121212-1212" not in line
    assert json.loads(line)["level"] == "ERROR"
    assert json.loads(line)["asked"]["count"] == 3
