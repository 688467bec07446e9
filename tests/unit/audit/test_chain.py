"""The audit log's chain: whatever is done to what was written shows, at the first link that is broken."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.chain import Access, Chain, verify
from shared.sealing import keyed_digest

DIGEST = keyed_digest("k" * 32)
DAY = dt.date(2026, 1, 15)
AT = dt.datetime(2026, 1, 15, 8, 0, tzinfo=dt.UTC)


def an_access(n: int = 1) -> Access:
    """One access."""
    return Access(at=AT, actor="a", actor_type="subject_of_care", subject="a", act="GET /v1/me", outcome=str(n))


def written(count: int = 5, *, process: str = "gateway-1", ended: bool = True) -> list[str]:
    """The lines of a chain."""
    chain = Chain(DAY, process, DIGEST)
    return [chain.add(an_access(n)) for n in range(1, count + 1)] + ([chain.end(AT)] if ended else [])


def test_what_was_written_holds() -> None:
    """Every link of chains that are mixed, with other lines between, is checked and holds."""
    one, other = written(), written(3, process="gateway-2")
    mixed = [one[0], other[0], '{"level": "INFO"}', *one[1:3], *other[1:], "not audit", *one[3:]]
    verdict = verify(mixed, DIGEST)
    assert (verdict.entries, verdict.chains, verdict.unended, verdict.broken) == (10, 2, (), None)


@pytest.mark.parametrize("n", range(6))
def test_each_entry_that_is_missing_shows_where_it_was(n: int) -> None:
    """An entry taken out is found at its place; the end that is gone leaves a chain without one."""
    lines = written()
    verdict = verify(lines[:n] + lines[n + 1 :], DIGEST)
    if n == 5:
        assert verdict.broken is None
        assert verdict.unended == ("2026-01-15.gateway-1",)
    else:
        assert verdict.broken is not None
        assert (verdict.broken.n, verdict.broken.line) == (n + 1, n + 1)


@given(line=st.integers(0, 5), key=st.sampled_from(["at", "actor", "subject", "act", "outcome", "link", "v", "new"]))
def test_each_entry_that_is_changed_shows(line: int, key: str) -> None:
    """Whatever is changed of an entry, that entry is named."""
    lines = written()
    lines[line] = json.dumps({**json.loads(lines[line]), key: "other"})
    broken = verify(lines, DIGEST).broken
    assert broken is not None
    assert (broken.n, broken.line) == (line + 1, line + 1)


def test_entries_that_change_places_show() -> None:
    """An entry before its time is named."""
    lines = written()
    lines[2], lines[3] = lines[3], lines[2]
    broken = verify(lines, DIGEST).broken
    assert broken is not None
    assert broken.n == 3


def test_an_entry_that_was_added_shows() -> None:
    """After the end nothing may come; and nobody without the key can make a link."""
    lines = written()
    forged = Chain(DAY, "gateway-1", keyed_digest("x" * 32))
    added = [forged.add(an_access(n)) for n in range(1, 7)][-1]
    for place, n in ((6, 7), (5, 6)):
        broken = verify([*lines[:place], added, *lines[place:]], DIGEST).broken
        assert broken is not None
        assert broken.n == n


def test_a_whole_chain_under_another_key_shows() -> None:
    """Who rewrites the log from its first entry on lacks the key."""
    forged = Chain(DAY, "gateway-1", keyed_digest("x" * 32))
    broken = verify([forged.add(an_access())], DIGEST).broken
    assert broken is not None
    assert broken.n == 1


@given(
    st.text()
    | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(
        json.dumps
    )
)
def test_lines_that_are_no_entries_are_passed(line: str) -> None:
    """Any other line of a log, also one that was half written, is nobody's entry."""
    assert verify([line, *written(), '{"audit":"2026-01-15.gate'], DIGEST).broken is None
