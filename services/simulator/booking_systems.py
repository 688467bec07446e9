"""All simulated booking systems together: the world, what goes wrong in it, and the records of what happened."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from services.simulator.building import build_world, faults_of, people_of
from services.simulator.calls import CALLS_KEPT, CallRecord
from services.simulator.clock import SimulatorClock, real_time
from services.simulator.journal import Journal, move_again
from services.simulator.mishaps import ANY, MishapBoard, PlacedMishap
from services.simulator.performing import Sleep, Stage
from services.simulator.world import World
from shared.configuration import Configuration, ConfigurationError

log = logging.getLogger(__name__)

LONGEST_KEPT = dt.timedelta(days=1)
"""For how long after it was made a world comes back as it was when the simulator is started again."""


class BookingSystems:
    """Everything the simulator knows. ConfigurationError when the file's `simulator` part or the journal is faulty."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        clock: Callable[[], dt.datetime] | None = None,
        journal_path: Path | None = None,
        sleep: Sleep = asyncio.sleep,
        calls_kept: int = CALLS_KEPT,
    ) -> None:
        self.configuration = configuration
        self.clock = SimulatorClock(clock or real_time, None if clock else configuration.simulator.clock)
        self.patients = people_of(configuration)
        self.mishaps = MishapBoard(placed_mishaps(configuration))
        self.calls = CallRecord(calls_kept)
        self.journal = _journal(journal_path)
        self.world = self._as_it_was() or self._new_world()
        self.stage = Stage(sleep, random.Random(configuration.simulator.seed))

    def reset(self) -> None:
        """Make the world anew, seen from the clock's now, with the file's mishaps and empty records."""
        self.stage.forget()
        self.stage.chance.seed(self.configuration.simulator.seed)
        self.world = self._new_world()
        self.mishaps = MishapBoard(placed_mishaps(self.configuration))
        self.calls.clear()

    def _new_world(self) -> World:
        now = self.clock.now()
        self.journal.begin(now)
        return build_world(self.configuration, now)

    def _as_it_was(self) -> World | None:
        """The world with every change of the journal; None where there is none, or it doesn't fit any longer.

        A booking system that forgot what it has confirmed would be none to try anything on. After a day the demo's
        bookings begin to be past: then a restart begins anew.
        """
        began = self.journal.world
        if began is None or not dt.timedelta(0) <= self.clock.now() - began < LONGEST_KEPT:
            return None
        world = build_world(self.configuration, began)
        for entry in self.journal.entries:
            target = world.facility(entry["facility_to"])
            if target is None or world.update(move_again(entry, target), began).change is None:
                log.warning("the journal doesn't fit the configuration: the world begins anew")
                return None
        return world


def _journal(path: Path | None) -> Journal:
    try:
        return Journal(path)
    except ValueError:
        raise ConfigurationError([f"{path}: is no journal of a simulator; name another file"]) from None


def placed_mishaps(configuration: Configuration) -> list[PlacedMishap]:
    """Read `simulator.mishaps`; ConfigurationError names each fault by its field."""
    placed: list[PlacedMishap] = []
    faults = []
    known = {ANY, *(hsa_id.upper() for hsa_id in configuration.facilities)}
    for number, values in enumerate(configuration.simulator.mishaps):
        try:
            mishap = PlacedMishap.model_validate(values)
        except ValidationError as error:
            faults += [f"simulator.mishaps.{number}.{field}: {text}" for field, text in faults_of(error)]
            continue
        if mishap.facility.upper() not in known:
            faults.append(f"simulator.mishaps.{number}.facility: there is no facility {mishap.facility}")
        placed.append(mishap)
    if faults:
        raise ConfigurationError(faults)
    return placed
