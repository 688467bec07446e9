"""The document of the booking states is the code's own, drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.ledger.transitions import ALLOWED, BLOCKING, OPEN, TOLD, ForbiddenMove, RowState, check

DOCUMENT = Path(__file__).parents[3] / "docs" / "booking-states.md"


def drawn() -> str:
    """The diagram of the transitions, as the document has it."""
    lines = ["stateDiagram-v2", "    [*] --> accepted"]
    for before in RowState:
        lines += [f"    {before.value} --> {after.value}" for after in RowState if after in ALLOWED[before]]
    return "\n".join(lines)


def test_the_document_draws_the_transitions() -> None:
    """A way that is added or removed is drawn, or this fails."""
    assert f"```mermaid\n{drawn()}\n```" in DOCUMENT.read_text(encoding="utf-8")


def test_the_document_names_every_state() -> None:
    """Each with a sentence."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"| `{state.value}` |" in text for state in RowState)


def test_no_way_leads_out_of_an_end() -> None:
    """But the watcher's from not_applied and rejected, and the operator's from manual."""
    for state in RowState:
        if state not in OPEN and state not in (RowState.NOT_APPLIED, RowState.REJECTED, RowState.MANUAL):
            assert ALLOWED[state] == frozenset()


def test_sending_is_left_by_looking_or_by_proof_alone() -> None:
    """Nothing leads from unknown or sending back to sending without being prechecked again."""
    assert RowState.SENDING not in ALLOWED[RowState.UNKNOWN] | ALLOWED[RowState.SENDING]


def test_what_blocks_a_second_rebooking() -> None:
    """Everything open, and what a person has to resolve."""
    assert OPEN | {RowState.MANUAL} == BLOCKING
    assert set(TOLD) == set(RowState) - {RowState.PRECHECKED}


def test_a_forbidden_move_is_an_error() -> None:
    """A fault of ours is loud."""
    with pytest.raises(ForbiddenMove):
        check(RowState.CONFIRMED, RowState.SENDING)
