"""Swedish civil time: kept as read, never through UTC."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.civil_time import STOCKHOLM, CivilTime
from shared.contracts.sections import civil_time_of

ANY = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)).map(lambda one: one.replace(microsecond=0))


@given(ANY)
def test_a_civil_time_is_kept(moment: dt.datetime) -> None:
    """Every wall clock comes back as it was, the hours that daylight saving skips or repeats too."""
    civil = CivilTime(moment.strftime("%Y%m%d%H%M%S"))
    assert civil.datetime == moment
    assert civil.iso == moment.isoformat()
    assert civil_time_of(civil.iso) == civil
    assert CivilTime.of(moment) == civil


@given(ANY, ANY)
def test_civil_times_sort_as_time_goes(one: dt.datetime, other: dt.datetime) -> None:
    """Compared as text they are in the order of the wall clock."""
    assert (CivilTime.of(one) < CivilTime.of(other)) == (one < other)


def test_twelve_digits_get_seconds() -> None:
    """A time without seconds, as some booking systems send it, is the same time with 00."""
    assert CivilTime("202603011015") == CivilTime("20260301101500") == "20260301101500"
    assert CivilTime(" 202603011015\n").clock == "10:15"


@pytest.mark.parametrize(
    "wrong", ["", "20260301", "2026030110155", "20260230101500", "20260301241500", "2026-03-01T10:15:00", "null"]
)
def test_what_is_no_time_is_refused(wrong: str) -> None:
    """Another form, and a time that doesn't exist, is a ValueError."""
    with pytest.raises(ValueError):
        CivilTime(wrong)


def test_the_two_hours_of_october_have_one_name() -> None:
    """Both UTC moments of the repeated hour are shown as the same civil time."""
    first = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)
    assert CivilTime.of(first) == CivilTime.of(first + dt.timedelta(hours=1)) == "20261025023000"


def test_an_aware_time_becomes_swedish() -> None:
    """A moment elsewhere is turned into Swedish time, summer and winter."""
    assert CivilTime.of(dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)) == "20260701140000"
    assert CivilTime.of(dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)) == "20260101130000"
    assert CivilTime.of(dt.datetime(2026, 1, 1, 12, tzinfo=STOCKHOLM)).date == dt.date(2026, 1, 1)


def test_nobody_has_no_time() -> None:
    """No time in the interface is no civil time."""
    assert civil_time_of(None) is None
