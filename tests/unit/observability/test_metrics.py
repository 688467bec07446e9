"""What is counted is what happened; and a part that can't be read silences no other."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import REGISTRY, Collector

from services.availability.cache import MemoryCache
from services.availability.guard import Guards
from services.availability.sources import Asking, Sources
from shared.clock import FixedClock
from shared.contracts.model import Actor, ActorType, Identity, Interaction
from shared.contracts.sections import OutcomeState
from shared.observability.metrics import Gauges
from shared.observability.queues import Queued, QueueGauges
from shared.observability.unresolved import UnresolvedGauges
from shared.scheduling.failures import TimedOut
from shared.scheduling.fake import FakeBookingSystems
from shared.scheduling.rate import MemoryRate
from shared.sealing import Sealer
from tests.builders.booking import SagaUnderTest
from tests.builders.scheduling import a_configuration, a_subject

NOW = dt.datetime(2026, 1, 15, 9, tzinfo=dt.UTC)


def told_by(collector: Collector) -> dict[str, float]:
    """Every sample that a collector tells, by name and labels."""
    told = {}
    for family in collector.collect():
        for sample in family.samples:
            told[f"{sample.name}{sorted(sample.labels.values())}"] = sample.value
    return told


def refuses() -> Iterable[tuple[str, float]]:
    """What can't be read."""
    raise OSError("away")


def test_what_cannot_be_read_silences_nothing_else() -> None:
    """The ledger or the broker is away: their values are missing, and everything else is told."""
    registry = CollectorRegistry()
    registry.register(Gauges("omboka_there", "A number", "part", lambda: [("one", 1.0)]))
    registry.register(Gauges("omboka_away", "Another", "part", refuses))
    registry.register(QueueGauges(lambda: dict(refuses())))  # type: ignore[arg-type]
    registry.register(UnresolvedGauges(lambda: list(refuses()), lambda: 0.0))  # type: ignore[arg-type]
    text = generate_latest(registry).decode()
    assert 'omboka_there{part="one"} 1.0' in text
    assert "omboka_away{" not in text
    assert "omboka_queue_messages{" not in text
    assert "omboka_unresolved{" not in text


def test_registering_looks_at_nothing() -> None:
    """A role starts though the ledger and the broker are away."""
    looked: list[str] = []

    def note(name: str) -> Callable[[], list[tuple[str, float]]]:
        return lambda: looked.append(name) or []  # type: ignore[func-returns-value]

    registry = CollectorRegistry(auto_describe=True)
    registry.register(Gauges("omboka_rows", "Rows", "state", note("rows")))
    registry.register(QueueGauges(lambda: dict(note("queues")())))  # type: ignore[arg-type]
    registry.register(UnresolvedGauges(lambda: note("listing")(), lambda: 0.0))  # type: ignore[arg-type]
    assert looked == []


def test_a_queues_age_begins_when_it_is_seen_waiting_and_ends_when_it_is_seen_empty() -> None:
    """At most so old is its oldest message; a queue that empties now and then never grows old."""
    seen: dict[str, Queued] = {}
    now = [100.0]
    gauges = QueueGauges(lambda: seen, monotonic=lambda: now[0])

    def look(seconds: float, messages: int) -> float:
        now[0] += seconds
        seen["booking"] = Queued(messages, consumers=2)
        told = told_by(gauges)
        assert told["omboka_queue_messages['booking']"] == messages
        assert told["omboka_queue_consumers['booking']"] == 2
        return told["omboka_queue_oldest_seconds['booking']"]

    assert look(0, 0) == 0
    assert look(10, 3) == 0
    assert look(10, 5) == 10
    assert look(10, 1) == 20
    assert look(10, 0) == 0
    assert look(10, 1) == 0


def test_unresolved_rebookings_are_told_by_age_and_the_oldest_by_seconds() -> None:
    """Every age of both states is told, also when nobody is in it, so that an alert never misses a name."""

    def row(state: str, seconds: float) -> dict[str, str]:
        return {"state": state, "created_at": (NOW - dt.timedelta(seconds=seconds)).isoformat()}

    rows = [row("unknown", 299), row("unknown", 300), row("unknown", 90_000), row("manual", 4000)]
    told = told_by(UnresolvedGauges(lambda: rows, NOW.timestamp))
    counted = {name: value for name, value in told.items() if name.startswith("omboka_unresolved[")}
    assert len(counted) == 8
    assert {name for name, value in counted.items() if value} == {
        "omboka_unresolved['under_5_minutes', 'unknown']",
        "omboka_unresolved['under_1_hour', 'unknown']",
        "omboka_unresolved['older', 'unknown']",
        "omboka_unresolved['manual', 'under_1_day']",
    }
    assert told["omboka_unresolved_oldest_seconds['unknown']"] == 90_000
    assert told["omboka_unresolved_oldest_seconds['manual']"] == 4000


async def test_a_ledgers_own_rows_can_be_told_by_age(tmp_path: Path) -> None:
    """A rebooking that nobody knows the outcome of, read from the ledger as it is."""
    saga = SagaUnderTest(tmp_path)
    saga.system.mishap = "late"
    saga.system.late_by = 80.0
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    told = told_by(UnresolvedGauges(lambda: saga.ledger.listing(limit=1000, unresolved=True), saga.ledger.now))
    assert told["omboka_unresolved['under_5_minutes', 'unknown']"] == 1
    saga.close()


async def test_a_confirmed_rebooking_that_is_not_there_is_counted_once_and_has_a_reason(tmp_path: Path) -> None:
    """OK, nothing done, and silent when it was looked at: what the watcher finds calls a person, who can look it up."""
    saga = SagaUnderTest(tmp_path)
    saga.system.mishap, saga.system.gate = "taken_silently", saga.system.silent_from_the_answer_on
    before = not_there()
    accepted = await saga.accept()
    assert (await saga.run(accepted)).state is OutcomeState.CONFIRMED
    await saga.watch()
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED, "no machine takes it back"
    assert not_there() - before == 1
    shown = saga.ledger.show(accepted.row_id)
    assert shown is not None
    assert shown["reason"] == "not_there"
    saga.close()


def not_there() -> float:
    """How many confirmed ones this process has found at their old time."""
    return REGISTRY.get_sample_value("omboka_confirmed_not_there_total") or 0.0


def late_applies() -> float:
    """How many late updates this process has counted."""
    return REGISTRY.get_sample_value("omboka_late_applies_total") or 0.0


@pytest.mark.parametrize(("late_by", "counted"), [(80.0, 0), (400.0, 1)], ids=["before it settled", "after"])
async def test_an_update_applied_after_it_was_told_as_not_done_is_counted(
    tmp_path: Path, late_by: float, counted: int
) -> None:
    """The number whose goal is nought: only what was told wrongly counts, not what was merely waited for."""
    saga = SagaUnderTest(tmp_path)
    before = late_applies()
    saga.system.mishap, saga.system.late_by = "late", late_by
    accepted = await saga.accept()
    await saga.run(accepted)
    await saga.watch()
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED
    assert late_applies() - before == counted
    saga.close()


class AskedSources:
    """The look-ups of one patient at one facility, and what they were counted as."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.systems = FakeBookingSystems()
        configuration = a_configuration()
        (self.facility,) = list(configuration.facilities.values())[:1]
        self._sources = Sources(
            configuration,
            self.systems,
            Guards(configuration, MemoryRate.of(configuration, self.clock), self.clock),
            MemoryCache(self.clock),
            Sealer((Fernet.generate_key().decode(),), "k" * 32),
            self.clock,
        )
        self._before = self._counts()

    async def ask(self) -> None:
        """Look the performers up."""
        subject = a_subject()
        identity = Identity(subject=subject, actor=Actor(id=subject, type=ActorType.SUBJECT_OF_CARE))
        asking = Asking(identity, self.clock.now().timestamp() + 10)
        await self._sources.performers(self.facility, [], asking)

    def counted(self) -> dict[str, float]:
        """What has been counted since the beginning."""
        return {
            name: count - self._before[name] for name, count in self._counts().items() if count > self._before[name]
        }

    @staticmethod
    def _counts() -> dict[str, float]:
        labels = {"interaction": Interaction.GET_ALL_PERFORMERS.value}
        return {
            result: REGISTRY.get_sample_value("omboka_cache_look_ups_total", {**labels, "result": result}) or 0.0
            for result in ("hit", "miss", "joined", "stale")
        }


async def test_a_look_up_is_a_miss_and_then_a_hit() -> None:
    """Asked of the booking system once, and of the cache while it is fresh."""
    sources = AskedSources()
    await sources.ask()
    await sources.ask()
    assert sources.counted() == {"miss": 1, "hit": 1}


async def test_who_comes_while_it_is_asked_joins() -> None:
    """One call for three who want the same at once."""
    sources = AskedSources()
    await asyncio.gather(*(sources.ask() for _ in range(3)))
    assert len(sources.systems.calls) == 1
    assert sources.counted() == {"miss": 1, "joined": 2}


async def test_an_old_copy_that_serves_is_stale_and_a_miss() -> None:
    """The booking system was asked, and failed."""
    sources = AskedSources()
    await sources.ask()
    sources.clock.move(120)
    sources.systems.script(sources.facility.id, Interaction.GET_ALL_PERFORMERS, TimedOut("late"))
    await sources.ask()
    assert sources.counted() == {"miss": 2, "stale": 1}
