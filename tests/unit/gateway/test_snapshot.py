"""The fold: whoever folds the same entries sees the same rebooking, however often."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.snapshot import Choices, Facts, Folded, fold
from shared.contracts.events import EventName, encode
from shared.contracts.sections import Outcome, OutcomeState, SectionName
from shared.messaging.event_log import IDLE_SECONDS, OPEN_OUTCOME_SECONDS, Entry
from tests.builders.gateway import OTHER, OWN

AT = dt.datetime(2026, 1, 15, 8, 0, tzinfo=dt.UTC)
FACTS = Facts(facility=OWN, booking_id="B1", language="sv", created_at=AT)


def an_entry(seq: int, name: EventName, data: dict[str, Any], **more: Any) -> Entry:
    """An entry of a log."""
    values: dict[str, Any] = {
        "key": f"k{seq}",
        "private": None,
        "fingerprint": "",
        "is_choice": name is EventName.CHOICE_MADE,
        "rebase": (),
        "deadline": None,
    }
    command_id = more.pop("command_id", "c1")
    public = encode(name, command_id=command_id, at=AT + dt.timedelta(seconds=seq), final=False, data=data)
    return Entry(seq=seq, public=public, **{**values, **more})


def a_section(seq: int, section: str, state: str, data: Any = None, **more: Any) -> Entry:
    """A section's new value."""
    value = {"state": state} if data is None else {"state": state, "data": data}
    return an_entry(seq, EventName.SECTION_LOADING, {"section": section, "value": value}, **more)


def a_choice(seq: int, choices: Choices | None = None, sections: dict[str, Any] | None = None, **more: Any) -> Entry:
    """A choice."""
    data = {"choices": (choices or Choices()).model_dump(mode="json"), "sections": sections or {}}
    return an_entry(seq, EventName.CHOICE_MADE, data, **more)


def an_outcome(seq: int, state: OutcomeState, *, row: str = "r1", n: int = 1) -> Entry:
    """What the ledger tells."""
    outcome = Outcome(state=state, command_id="c9", updated_at=AT).public()
    name = EventName(f"rebooking.{state.value}")
    return an_entry(seq, name, {"outcome": outcome}, key=f"ledger:{row}:{n}", command_id="c9")


ENTRIES = st.one_of(
    st.tuples(
        st.just("section"),
        st.sampled_from([*map(str, SectionName), "contracts"]),
        st.sampled_from(["loading", "ready"]),
    ),
    st.tuples(st.just("choice"), st.sampled_from([True, False]), st.sampled_from([None, "t" * 22])),
    st.tuples(st.just("outcome"), st.sampled_from(list(OutcomeState)), st.integers(1, 4)),
)


def a_log(drawn: list[tuple[Any, ...]]) -> list[Entry]:
    """A log of what was drawn."""
    log = []
    for seq, (kind, one, other) in enumerate(drawn, 1):
        if kind == "section":
            data = [] if one in ("facilities", "terms", "performers", "contracts") else None
            log.append(a_section(seq, one, other, data, private=b"p" if seq % 2 else None, rebase=(one,)))
        elif kind == "choice":
            choices = Choices(facilities=(OWN,), facilities_confirmed=one, timeslot_id=other)
            log.append(a_choice(seq, choices, {"days": {"state": "idle"}}, key=f"choice:c{seq}", private=b"chosen"))
        else:
            log.append(an_outcome(seq, one, n=other))
    return log


@settings(max_examples=200, deadline=None)
@given(st.lists(ENTRIES, max_size=12), st.data())
def test_replaying_any_prefix_changes_nothing(drawn: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """Folding a prefix once or twice, and then all, gives what folding all at once gives."""
    log = a_log(drawn)
    cut = data.draw(st.integers(0, len(log)))
    prefix = fold(Folded(), log[:cut])
    assert fold(prefix, log[:cut]) == prefix
    assert fold(prefix, log) == fold(Folded(), log)
    assert fold(fold(Folded(), log), log) == fold(Folded(), log)


@settings(max_examples=100, deadline=None)
@given(st.lists(ENTRIES, max_size=12))
def test_the_events_alone_build_the_snapshot(drawn: list[tuple[Any, ...]]) -> None:
    """A client that replaces sections, choices and outcome by what the events say has the snapshot's sections."""
    log = a_log(drawn)
    sections: dict[str, Any] = {name.value: {"state": "idle"} for name in SectionName}
    for entry in log:
        data = json.loads(entry.public)["data"]
        sections |= data.get("sections", {})
        if data.get("section") in sections:
            sections[data["section"]] = data["value"]
    assert fold(Folded(), log).public("id", FACTS, subject_name=None)["sections"] == sections


@pytest.mark.parametrize(
    ("state", "listed", "chosen"),
    [
        ("loading", [], []),
        ("ready", [OWN, OTHER], [OWN]),
        ("ready", [OTHER, OWN.lower()], [OWN]),
        ("ready", [OTHER], [OTHER]),
        ("ready", [OTHER, "SE3"], []),
        ("empty", [], []),
        ("hidden", [], [OWN]),
        ("failed", [], [OWN]),
    ],
)
def test_the_initial_facility(state: str, listed: list[str], chosen: list[str]) -> None:
    """The own facility if it is listed, else the only one, else none; without a list the own one."""
    options = [{"facility": one} for one in listed] or None
    folded = fold(Folded(), [a_choice(1), a_section(2, "facilities", state, options)])
    assert folded.public("id", FACTS, subject_name=None)["choices"]["facilities"] == chosen


def test_the_searchs_day_stands_until_the_patient_chooses_one():
    """The day in the answer is the chosen one until the patient chooses; then only theirs is."""
    days = {"chosen": "2026-02-02"}
    folded = fold(Folded(), [a_choice(1, Choices(facilities=(OWN,), facilities_confirmed=True))])
    assert folded.chosen_day is None
    folded = fold(folded, [a_section(2, "days", "ready", days)])
    assert folded.chosen_day == dt.date(2026, 2, 2)
    folded = fold(folded, [a_choice(3, Choices(day=dt.date(2026, 2, 3))), a_section(4, "days", "ready", days)])
    assert folded.chosen_day == dt.date(2026, 2, 3)


def test_an_older_word_of_the_ledger_changes_nothing():
    """The n-th thing told of a row is ignored when a later one was told already, and another row counts anew."""
    told = [an_outcome(1, OutcomeState.SENDING, n=2), an_outcome(2, OutcomeState.ACCEPTED, n=1)]
    assert fold(Folded(), told).outcome_state is OutcomeState.SENDING
    another = [*told, an_outcome(3, OutcomeState.ACCEPTED, row="r2", n=1)]
    assert fold(Folded(), another).outcome_state is OutcomeState.ACCEPTED


@pytest.mark.parametrize("state", list(OutcomeState))
def test_a_choice_ends_an_outcome_only_when_one_may_try_again(state: OutcomeState) -> None:
    """A choice that slips in beside an open or final outcome never hides it."""
    folded = fold(Folded(), [an_outcome(1, state), a_choice(2)])
    may_try_again = state in (OutcomeState.REJECTED, OutcomeState.NOT_APPLIED)
    assert (folded.outcome is None) is may_try_again


def test_commands_are_remembered_with_their_content():
    """A choice's command and a confirm are found again by id, with seq and the hash of their content."""
    log = [a_choice(1, key="choice:a", fingerprint="fa"), a_section(2, "days", "ready", {}, key="a:days")]
    log.append(an_outcome(3, OutcomeState.ACCEPTED))
    folded = fold(Folded(), log)
    assert {name: (seen.seq, seen.fingerprint) for name, seen in folded.commands.items()} == {
        "a": (1, "fa"),
        "c9": (3, ""),
    }


def test_how_long_a_log_is_kept():
    """An hour after the last event; 24 hours while an outcome is open."""
    assert fold(Folded(), [a_choice(1)]).kept_until == AT.timestamp() + 1 + IDLE_SECONDS
    log = [an_outcome(1, OutcomeState.UNKNOWN), an_outcome(2, OutcomeState.CONFIRMED, n=2)]
    assert fold(Folded(), log).kept_until == AT.timestamp() + 1 + OPEN_OUTCOME_SECONDS


def test_what_is_overdue():
    """A section that waits past its look-up's deadline, and the first day's timeslots that never came."""
    look = a_choice(
        1,
        sections={"days": {"state": "loading"}, "performers": {"state": "loading"}},
        rebase=("days", "performers", "timeslots"),
        deadline=100.0,
    )
    done = a_section(2, "performers", "ready", [])
    folded = fold(Folded(), [look, done])
    assert folded.overdue(101.9, 2) == []
    assert [name for name, _ in folded.overdue(102.0, 2)] == [SectionName.DAYS]
    folded = fold(folded, [a_section(3, "days", "ready", {"chosen": "2026-02-02"})])
    assert [name for name, _ in folded.overdue(102.0, 2)] == [SectionName.TIMESLOTS]
    assert fold(folded, [a_section(4, "timeslots", "empty", {})]).overdue(102.0, 2) == []
