"""Telling what a command has found: one event at a time, the last one marked final, stale ones dropped.

Branches of a command run side by side and share one Telling, which knows how many sections are still open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Any

from shared.clock import Clock
from shared.contracts import events
from shared.contracts.commands import LookUp
from shared.contracts.events import EventName
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import Section, SectionName, State
from shared.messaging.event_log import Appended, EventLog, Gone, Known, LogUnavailable, NewEntry, Stale

log = logging.getLogger(__name__)


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
        self.open = set(sections)

    async def tell(
        self,
        section: SectionName,
        value: Section,
        *,
        name: EventName | None = None,
        private: bytes | None = None,
        last: bool = False,
    ) -> None:
        """Append a section's new value; `last` closes the section for this command. Raises Superseded."""
        async with self._lock:
            if last:
                self.open.discard(section)
            name = name or events.of_section(section, value.state)
            data = {"section": section.value, "value": value.public()}
            await self._append(name, data, section, private=private, final=last and not self.open)

    async def tell_contracts(self, value: dict[str, Any]) -> None:
        """Append what the facilities support: an event beside the sections. Raises Superseded."""
        async with self._lock:
            data = {"section": "contracts", "value": value}
            await self._append(EventName.CONTRACTS_READY, data, None, private=None, final=False)

    async def fail(self, section: SectionName, problem: Problem, *, data: Any = None) -> None:
        """End a section as failed; `data` stays with it where there is some. Raises Superseded."""
        shown = problem.public(self._command.language)
        await self.tell(section, Section(state=State.FAILED, problem=shown, data=data), last=True)

    async def branch(self, story: Awaitable[object], *sections: SectionName) -> None:
        """Run a part of a command that answers these sections; what befalls it befalls no other part."""
        try:
            await story
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
        """End every section that is still open as failed, so that every command ends in an event."""
        for section in sorted(self.open):
            try:
                await self.fail(section, problem)
            except (Superseded, LogUnavailable):
                self.open.discard(section)

    async def _append(
        self,
        name: EventName,
        data: dict[str, Any],
        section: SectionName | None,
        *,
        private: bytes | None,
        final: bool,
    ) -> None:
        command = self._command
        self._told += 1
        public = events.encode(name, command_id=command.command_id, at=self._clock.now(), final=final, data=data)
        entry = NewEntry(
            key=f"{command.command_id}:{command.basis}:{name.value}:{self._told}",
            public=public,
            private=private,
            section=section.value if section else None,
            basis=command.basis if section else None,
        )
        outcome = await self._log.append(command.rebooking_id, [entry])
        match outcome:
            case Appended() | Known():
                return
            case Stale() | Gone():
                raise Superseded
            case _:
                raise AssertionError(f"a result met {outcome}")


def is_only(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Whether an error is of these kinds alone, however many of them side by side."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_only(one, *kinds) for one in error.exceptions)
    return isinstance(error, kinds)
