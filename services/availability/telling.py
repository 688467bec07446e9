"""Telling what a command has found: one event at a time, the last one marked final, stale ones dropped.

Branches of a command run side by side and share one Telling, which knows how many sections are still open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from services.availability.large import beside
from shared.clock import Clock
from shared.contracts import events
from shared.contracts.commands import LookUp
from shared.contracts.events import EventName
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import Section, SectionName, State
from shared.messaging.event_log import Appended, AppendOutcome, EventLog, Gone, Known, LogUnavailable, NewEntry, Stale

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.25

TOGETHER_SECONDS = 0.05
"""What comes within so many seconds after a part was told is told together: each part holds all that was found so far,
so that telling twenty facilities one by one would cost ten times as much as telling them at once."""


class Superseded(Exception):
    """Raised in a branch whose result nobody wants any more: a newer choice came, or the rebooking is gone."""


class Telling:
    """The events of one command."""

    def __init__(self, log: EventLog, clock: Clock, command: LookUp, sections: Iterable[SectionName]) -> None:
        self._log = log
        self._clock = clock
        self._command = command
        self._lock = asyncio.Lock()
        self._told = 0
        self._giving_up = False
        self.open = set(sections)

    async def tell(
        self,
        section: SectionName,
        value: Section,
        *,
        name: EventName | None = None,
        private: bytes | None = None,
        last: bool = False,
        large: bool = False,
    ) -> None:
        """Append a section's new value; `last` closes the section for this command. Raises Superseded.

        A `large` one is encoded beside the event loop.
        """
        async with self._lock:
            if last:
                self.open.discard(section)
            name = name or events.of_section(section, value.state)
            final = last and not self.open

            def encode() -> bytes:
                return self._encoded(name, {"section": section.value, "value": value.parts()}, final=final)

            await self._append(name, await beside(encode, large=large), section, private=private)

    async def tell_contracts(self, value: dict[str, Any]) -> None:
        """Append what the facilities support: an event beside the sections. Raises Superseded."""
        async with self._lock:
            name = EventName.CONTRACTS_READY
            public = self._encoded(name, {"section": "contracts", "value": value}, final=False)
            await self._append(name, public, None, private=None)

    async def fail(self, section: SectionName, problem: Problem, *, data: Any = None) -> None:
        """End a section as failed; `data` stays with it where there is some. Raises Superseded."""
        shown = problem.public(self._command.language)
        await self.tell(section, Section(state=State.FAILED, problem=shown, data=data), last=True)

    async def branch(self, story: Callable[[], Awaitable[object]], *sections: SectionName) -> None:
        """Run a part of a command that answers these sections; what befalls it befalls no other part."""
        try:
            await story()
        except Exception as error:
            if is_only(error, Superseded):
                self.open.difference_update(sections)
                return
            if is_only(error, Superseded, LogUnavailable, TimeoutError):
                raise
            log.exception("a part of a look-up ended in an unforeseen error")
            for section in sections:
                if section in self.open:
                    await self.fail(section, Problem(type=ProblemType.FACILITY_UNAVAILABLE, retry_after=30))

    async def fail_open(self, problem: Problem) -> None:
        """End every section that is still open as failed, so that every command ends in an event.

        The log is asked once for each: where it doesn't answer, whoever follows the rebooking tells it at the deadline.
        """
        self._giving_up = True
        for section in sorted(self.open):
            try:
                await self.fail(section, problem)
            except (Superseded, LogUnavailable):
                self.open.discard(section)

    def _encoded(self, name: EventName, data: dict[str, Any], *, final: bool) -> bytes:
        at = self._clock.now()
        return events.encode(name, command_id=self._command.command_id, at=at, final=final, data=data)

    async def _append(
        self,
        name: EventName,
        public: bytes,
        section: SectionName | None,
        *,
        private: bytes | None,
    ) -> None:
        command = self._command
        self._told += 1
        entry = NewEntry(
            key=f"{command.command_id}:{command.basis}:{name.value}:{self._told}",
            public=public,
            private=private,
            section=section.value if section else None,
            basis=command.basis if section else None,
        )
        match await self._written(entry):
            case Appended() | Known():
                return
            case Stale() | Gone():
                raise Superseded
            case outcome:
                raise AssertionError(f"a result met {outcome}")

    async def _written(self, entry: NewEntry) -> AppendOutcome:
        """Write an entry; while the log is away it waits until the command's deadline, for an answer was paid for."""
        while True:
            try:
                return await self._log.append(self._command.rebooking_id, [entry])
            except LogUnavailable:
                if self._giving_up or self._clock.now().timestamp() >= self._command.deadline:
                    raise
                await self._clock.sleep(AGAIN_SECONDS)


def is_only(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Whether an error is of these kinds alone, however many of them side by side."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_only(one, *kinds) for one in error.exceptions)
    return isinstance(error, kinds)
