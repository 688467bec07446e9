"""The judge of chaos sees every wrong there is, in made-up journals, and none where there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.judge import Told, judge, main

ANNA = Told(
    subject="anna",
    booking_id="B1",
    facility_to="SE1",
    start="20260302100000",
    confirmed=True,
    accepted_at=1000.0,
    ended_at=1002.0,
    ends=("confirmed",),
    says="confirmed",
)
"""Somebody whose booking was moved, and who was told so."""

MOVE: dict[str, Any] = {
    "subject": "anna",
    "booking_id": "B1",
    "new_booking_id": "B2",
    "facility_to": "se1",
    "new_start": "20260302100000",
}
"""The journal's line of it."""

NOBODY = {"lost": 0, "double": 0, "wrong": 0, "unresolved": 0}


def found(told: list[Told], journal: list[dict[str, Any]]) -> dict[str, int]:
    """What the judge counts that isn't nothing."""
    verdict = judge(told, journal)
    counts = {name: getattr(verdict, name) for name in NOBODY}
    assert verdict.good == (counts == NOBODY)
    assert bool(verdict.reasons) != verdict.good
    return {name: count for name, count in counts.items() if count}


def an_end(state: str) -> Told:
    """Anna, told that it ended so."""
    return replace(ANNA, ends=(state,), says=state)


@pytest.mark.parametrize("state", ["rejected", "not_applied"])
def test_the_truth_wrongs_nobody(state: str) -> None:
    """Moved and told so; not moved and told so."""
    assert found([ANNA], [MOVE]) == {}
    assert found([an_end(state)], []) == {}


def test_a_loss() -> None:
    """Accepted, no end told, nothing done: lost, and of course without an end."""
    open_still = replace(ANNA, ended_at=None, ends=(), says="accepted")
    assert found([open_still], []) == {"lost": 1, "unresolved": 1}


def test_done_and_never_told() -> None:
    """The booking was moved and the patient never told: unresolved, though not lost."""
    assert found([replace(ANNA, ended_at=None, ends=(), says="unknown")], [MOVE]) == {"unresolved": 1}


def test_an_end_too_late() -> None:
    """Five minutes are the longest."""
    assert found([replace(ANNA, ended_at=1300.0)], [MOVE]) == {}
    assert found([replace(ANNA, ended_at=1300.1)], [MOVE]) == {"unresolved": 1}


def test_manual_is_no_end() -> None:
    """A patient who is asked to call hasn't been told what became of it."""
    assert found([replace(ANNA, ended_at=None, ends=(), says="manual")], [MOVE]) == {"unresolved": 1}


def test_a_double() -> None:
    """Two effective changes for one command."""
    assert found([ANNA], [MOVE, MOVE]) == {"double": 1}


def test_a_double_under_the_new_id() -> None:
    """The second change has the id that the first one gave."""
    again = {**MOVE, "booking_id": "B2", "new_booking_id": "B3", "new_start": "20260303100000"}
    assert found([ANNA], [MOVE, again]) == {"double": 1}


@pytest.mark.parametrize("state", ["rejected", "not_applied", "other_time"])
def test_told_as_not_moved_and_moved(state: str) -> None:
    """The worst telling there is."""
    assert found([an_end(state)], [MOVE]) == {"wrong": 1}


@pytest.mark.parametrize(
    "journal",
    [[], [{**MOVE, "new_start": "20260302103000"}], [{**MOVE, "facility_to": "SE2"}], [{**MOVE, "booking_id": "B9"}]],
)
def test_told_as_moved_and_not_there(journal: list[dict[str, Any]]) -> None:
    """Not moved at all, or to another time or facility, or another booking."""
    assert found([ANNA], journal) == {"wrong": 1}


def test_another_time_needs_another_change() -> None:
    """Nothing happened to the booking, so it has no third time."""
    assert found([an_end("other_time")], []) == {"wrong": 1}
    assert found([an_end("other_time")], [{**MOVE, "new_start": "20260305080000"}]) == {}


def test_first_told_wrong_and_then_put_right_is_wrong() -> None:
    """Told as not moved, and the watcher said later that it was."""
    assert found([replace(ANNA, ends=("not_applied", "confirmed"))], [MOVE]) == {"wrong": 1}


def test_the_address_says_what_was_told() -> None:
    """Who comes back later is told the same."""
    assert "wrong" in found([replace(ANNA, says="sending")], [MOVE])
    assert "wrong" in found([replace(ANNA, says=None)], [MOVE])


def test_moved_without_being_accepted() -> None:
    """Refused or never answered, and moved all the same."""
    refused = replace(ANNA, accepted_at=None, ended_at=None, ends=(), says=None)
    assert found([refused], []) == {}
    assert found([refused], [MOVE]) == {"wrong": 1}


def test_a_change_for_a_stranger() -> None:
    """Whoever asked for nothing keeps their time."""
    assert found([ANNA], [MOVE, {**MOVE, "subject": "berit"}]) == {"wrong": 1}


def test_it_judges_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By two files alone; what it doesn't know of a line is nothing to it."""
    line = {**ANNA.__dict__, "told": [], "resumed": 3}
    (tmp_path / "told.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "journal.jsonl").write_text(json.dumps(MOVE) + "\n")
    assert main([str(tmp_path)]) == 0
    (tmp_path / "journal.jsonl").write_text("")
    assert main([str(tmp_path)]) == 1
    assert "told confirmed, and not at the target" in capsys.readouterr().out
