"""The benchmarks run, small, so that they can't rot; and what they show without measuring time holds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from benchmarks.machine import Machine, machine
from benchmarks.moves import moves
from benchmarks.one_call import one_call
from benchmarks.results import SMOKE
from tests.servers.start import Server

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def nothing() -> None:
    """The servers are this test run's, and stay."""


@pytest.fixture
async def small(
    fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> AsyncIterator[Machine]:
    """The benchmarks' machine on this run's servers."""
    urls = (fresh_broker_url, fresh_events_url, fresh_cache_url, fresh_database_url)
    async with machine([Server(url, nothing, nothing, nothing, nothing) for url in urls]) as started:
        yield started


async def test_equal_look_ups_over_four_processes_are_one_call_and_two_when_the_holder_is_killed(
    small: Machine,
) -> None:
    """Real processes over a real broker and Redis; the one that makes the call is killed in the middle of it."""
    result = await one_call(small, SMOKE, print)
    assert [(row.figure, row.met) for row in result.rows if row.met != "met"] == []


async def test_the_patients_of_the_benchmarks_go_the_whole_way(small: Machine) -> None:
    """Search, look up, choose and confirm: each benchmark is made of these."""
    assert (await moves(small, SMOKE, print)).rows
