"""The judge: compares what really happened (the booking systems' journal) with what each patient was told.

It shares no code with the system and believes nothing but the two files that it reads:

    python -m tests.chaos.judge FOLDER      # told.jsonl and journal.jsonl; exit code 1 where somebody was wronged

Source: the saga's rules 3.8.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 300.0
"""How long after accepting a patient may be without an end."""

MOVED = "confirmed"
NOT_MOVED = ("rejected", "not_applied")
ENDS = (MOVED, *NOT_MOVED, "other_time")


@dataclass(frozen=True)
class Told:
    """What one patient wanted and was told.

    `ends` are the final states told, in order, and `says` what the rebooking's address says at the end. `accepted_at`
    and `ended_at` (the first end) are seconds of the client's clock. `start` is the new time that was chosen.
    """

    subject: str
    booking_id: str
    facility_to: str
    start: str
    confirmed: bool
    accepted_at: float | None
    ended_at: float | None
    ends: tuple[str, ...]
    says: str | None


@dataclass(frozen=True)
class Verdict:
    """How many patients were wronged and how; `reasons` has a line for each."""

    rebookings: int
    lost: int
    double: int
    wrong: int
    unresolved: int
    ends: dict[str, int]
    reasons: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nobody was wronged."""
        return not (self.lost or self.double or self.wrong or self.unresolved)


def judge(told: Iterable[Told], journal: Iterable[dict[str, Any]]) -> Verdict:
    """Judge a run; at most one rebooking of each subject's booking is among those told.

    - lost: accepted, no end was told, and the booking was never moved: the patient's wish is gone.
    - double: more than one effective change for one command.
    - wrong: an end was told, or is told now, that the journal contradicts; or a booking moved that nobody moved.
    - unresolved: accepted, and without an end five minutes later.
    """
    changes: dict[str, list[dict[str, Any]]] = {}
    for change in journal:
        changes.setdefault(change["subject"], []).append(change)
    counted: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    reasons: list[str] = []
    rebookings = 0
    for place, one in enumerate(told):
        mine = changes.pop(one.subject, [])
        rebookings += one.accepted_at is not None
        if one.ends:
            ends[one.ends[-1]] += 1
        for kind, reason in _of_one(one, mine):
            counted[kind] += 1
            reasons.append(f"{kind}: rebooking {place}: {reason}")
    for strangers in changes.values():
        counted["wrong"] += 1
        reasons.append(f"wrong: {len(strangers)} changes for somebody who asked for none")
    return Verdict(
        rebookings,
        counted["lost"],
        counted["double"],
        counted["wrong"],
        counted["unresolved"],
        dict(sorted(ends.items())),
        tuple(reasons),
    )


def _of_one(one: Told, changes: list[dict[str, Any]]) -> Iterable[tuple[str, str]]:
    at_target = [change for change in changes if _is_to(change, one)]
    if len(changes) > 1:
        yield "double", f"{len(changes)} effective changes"
    if one.accepted_at is None:
        if changes:
            yield "wrong", "moved, though it was never accepted"
        return
    if one.ended_at is None or one.ended_at - one.accepted_at > LONGEST_SECONDS:
        yield "unresolved", f"no end within {LONGEST_SECONDS:g} s; told at last: {one.says}"
        if not one.ends and not changes:
            yield "lost", "accepted, no end told, and nothing was done"
    said = {*one.ends, *([one.says] if one.says in ENDS else [])}
    if one.ends and one.says != one.ends[-1]:
        yield "wrong", f"told {one.ends[-1]}, and its address says {one.says}"
    for state in sorted(said):
        if state == MOVED and not at_target:
            yield "wrong", "told confirmed, and not at the target"
        if state in NOT_MOVED and changes:
            yield "wrong", f"told {state}, and it was moved"
        if state == "other_time" and (at_target or not changes):
            yield "wrong", "told another time, which the booking never had"


def _is_to(change: dict[str, Any], one: Told) -> bool:
    return (
        change["booking_id"] == one.booking_id
        and change["facility_to"].upper() == one.facility_to.upper()
        and change["new_start"] == one.start
    )


def read_told(path: Path) -> list[Told]:
    """Read what patients were told, one JSON object on each line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    names = Told.__dataclass_fields__
    return [Told(**{name: row[name] for name in names if name != "ends"}, ends=tuple(row["ends"])) for row in rows]


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the journal, one JSON object on each line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main(arguments: list[str]) -> int:
    """Judge a folder; prints the counts and each reason."""
    folder = Path(arguments[0])
    verdict = judge(read_told(folder / "told.jsonl"), read_journal(folder / "journal.jsonl"))
    for reason in verdict.reasons:
        print(reason)
    print(
        f"{verdict.rebookings} rebookings: {verdict.lost} lost, {verdict.double} double, {verdict.wrong} wrong, "
        f"{verdict.unresolved} unresolved; ends: {verdict.ends}"
    )
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
