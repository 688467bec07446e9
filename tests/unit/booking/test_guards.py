"""Each guard that can be loosened is needed: without it the saga does harm that the same story shows absent with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.booking.looks import Schedule
from shared.contracts.sections import OutcomeState
from tests.builders.booking import SETTLE, SagaUnderTest


@pytest.fixture
def saga(tmp_path: Path) -> Iterator[SagaUnderTest]:
    """A saga under a virtual clock."""
    one = SagaUnderTest(tmp_path)
    yield one
    one.close()


def loosened(saga: SagaUnderTest, schedule: Schedule) -> None:
    """Workers with another schedule take the place of the saga's."""
    for worker in saga.sagas:
        worker.close()
    saga.schedule = schedule
    saga.sagas = [saga.a_worker("one"), saga.a_worker("two")]


@pytest.mark.parametrize(("settle", "changes"), [(SETTLE, 1), (0.0, 2)])
async def test_without_settling_an_update_is_made_twice(saga: SagaUnderTest, settle: float, changes: int) -> None:
    """Applied forty seconds after the timeout: believed too early, it is sent again and done twice."""
    saga.system.mishap, saga.system.late_by = "late", 75.0
    accepted = await saga.accept(settle=settle)
    outcome = await saga.run(accepted)
    await saga.watch()
    assert outcome.state is OutcomeState.CONFIRMED
    assert len(saga.system.journal) == changes


@pytest.mark.parametrize(("pause", "sends"), [(Schedule().pause, 0), (1e9, 1)])
async def test_without_the_pause_check_a_paused_worker_sends(saga: SagaUnderTest, pause: float, sends: int) -> None:
    """Three seconds asleep between the commit and the first byte."""
    loosened(saga, replace(saga.schedule, pause=pause))
    saga.pause_while_purging = 3.0
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    assert saga.system.sends == sends
