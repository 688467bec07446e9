"""The board of mishaps: what is checked, which one wins, and how often it happens."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
from pydantic import ValidationError

from services.simulator.booking_systems import placed_mishaps
from services.simulator.mishaps import MishapBoard, PlacedMishap, Slow, read_mishap
from services.simulator.platform_faults import platform_fault
from shared.configuration import ConfigurationError
from tests.builders.simulator import HOME, a_simulator_configuration, content_of

KINDS = (
    "slow",
    "hang",
    "drip",
    "down",
    "fault",
    "vp",
    "taken",
    "info",
    "lost_answer",
    "late_apply",
    "resend",
    "malformed",
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_needs_nothing_but_its_name(kind: str) -> None:
    """Every kind of the interface has defaults for the rest."""
    assert read_mishap({"kind": kind}).kind == kind


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"kind": "tired"}, ()),
        ({}, ()),
        ({"kind": "slow", "median": 5, "p99": 1}, ("slow",)),
        ({"kind": "slow", "speed": 1}, ("slow", "speed")),
        ({"kind": "vp", "code": "VP016"}, ("vp", "code")),
        ({"kind": "vp", "code": "VP004", "applied": True}, ("vp",)),
        ({"kind": "malformed", "variant": "odd"}, ("malformed", "variant")),
        ({"kind": "down", "times": 0}, ("down", "times")),
    ],
)
def test_a_faulty_mishap_is_refused_by_field(data: dict[str, Any], field: tuple[str, ...]) -> None:
    """What is wrong is told with the field that it is wrong in."""
    with pytest.raises(ValidationError) as caught:
        read_mishap(data)
    assert caught.value.errors()[0]["loc"] == field


def test_the_most_particular_mishap_wins() -> None:
    """Facility and contract, then the facility, then the contract, then everything."""
    # Given one of each
    board = MishapBoard()
    for code, facility, contract in (
        ("VP001", "*", "*"),
        ("VP002", "*", "UpdateBooking"),
        ("VP003", HOME, "*"),
        ("VP004", HOME, "UpdateBooking"),
    ):
        board.put(facility, contract, read_mishap({"kind": "vp", "code": code, "times": 1}))
    # When the same call comes five times
    happened = [board.take(HOME.lower(), "UpdateBooking") for _ in range(5)]
    # Then they happen in that order, once each, and then nothing
    codes = [mishap.code if mishap is not None else None for mishap in happened]  # type: ignore[union-attr]
    assert codes == ["VP004", "VP003", "VP002", "VP001", None]


def test_a_mishap_without_times_stays() -> None:
    """A mishap happens to every call until it is taken down."""
    board = MishapBoard([PlacedMishap.model_validate({"facility": HOME, "kind": "down"})])
    assert all(board.take(HOME, "GetBookingDetails") for _ in range(100))
    board.remove(HOME, "*")
    assert board.take(HOME, "GetBookingDetails") is None


def test_taking_down_one_leaves_the_others() -> None:
    """DELETE of a pair takes down that pair; of two stars everything."""
    board = MishapBoard()
    for contract in ("UpdateBooking", "GetBookingDetails"):
        board.put(HOME, contract, read_mishap({"kind": "down"}))
    board.remove(HOME, "UpdateBooking")
    assert [one["contract"] for one in board.all()] == ["GetBookingDetails"]
    board.remove("*", "*")
    assert board.all() == []


def test_slow_is_a_distribution_with_the_given_median_and_p99() -> None:
    """Ten thousand draws have about the median and the 99th percentile that were asked for, and follow the seed."""
    # Given
    slow = Slow(kind="slow", median=2.0, p99=8.0)
    # When
    draws = [slow.draw(chance) for chance in [random.Random(1)] for _ in range(10_000)]
    # Then
    assert statistics.median(draws) == pytest.approx(2.0, rel=0.05)
    assert statistics.quantiles(draws, n=100)[98] == pytest.approx(8.0, rel=0.1)
    assert draws[0] == slow.draw(random.Random(1))


@pytest.mark.parametrize(
    ("mishap", "fault"),
    [
        ({"kind": "tired"}, "simulator.mishaps.0.mishap"),
        ({"kind": "down", "contract": "MakeTea"}, "there is no contract MakeTea"),
        ({"kind": "down", "facility": "SE0-NOWHERE"}, "simulator.mishaps.0.facility: there is no facility SE0-NOWHERE"),
    ],
)
def test_a_faulty_mishap_in_the_file_is_named(mishap: dict[str, Any], fault: str) -> None:
    """Nothing starts on a file whose mishaps are faulty."""
    with pytest.raises(ConfigurationError) as caught:
        placed_mishaps(a_simulator_configuration(mishaps=[mishap]))
    assert any(fault in one for one in caught.value.faults)


@pytest.mark.parametrize("number", range(1, 16))
def test_each_platform_fault_has_the_platforms_form(number: int) -> None:
    """HTTP 500, a SOAP fault whose text starts with the code, and the detail in English."""
    answer = platform_fault(f"VP{number:03d}")
    content = content_of(answer.body)
    assert answer.status == 500
    assert (content.findtext("faultstring") or "").startswith(f"VP{number:03d} [")
    assert content.findtext("faultcode") in ("soapenv:Client", "soapenv:Server")
    assert content.findtext("detail/detailString")
