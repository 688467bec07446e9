"""All simulated booking systems together: the world, what goes wrong in it, and the records of what happened."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from services.simulator.building import build_world, faults_of, people_of
from services.simulator.calls import CALLS_KEPT, CallRecord
from services.simulator.clock import SimulatorClock, real_time
from services.simulator.journal import Journal
from services.simulator.mishaps import ANY, MishapBoard, PlacedMishap
from services.simulator.performing import Sleep, Stage
from shared.configuration import Configuration, ConfigurationError


class BookingSystems:
    """Everything the simulator knows. ConfigurationError when the file's `simulator` part is faulty."""

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
        self.world = build_world(configuration, self.clock.now())
        self.mishaps = MishapBoard(placed_mishaps(configuration))
        self.calls = CallRecord(calls_kept)
        self.journal = Journal(journal_path)
        self.stage = Stage(sleep, random.Random(configuration.simulator.seed))

    def reset(self) -> None:
        """Make the world anew, seen from the clock's now, with the file's mishaps and empty records."""
        self.stage.forget()
        self.stage.chance.seed(self.configuration.simulator.seed)
        self.world = build_world(self.configuration, self.clock.now())
        self.mishaps = MishapBoard(placed_mishaps(self.configuration))
        self.calls.clear()
        self.journal.clear()


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
