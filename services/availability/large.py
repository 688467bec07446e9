"""Large answers: work on many timeslots is done beside the event loop, so that it stalls nobody else's look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

LARGE = 200
"""With more timeslots than this, work that takes a while for each is done in a thread."""

LARGE_BYTES = 100_000
"""About as many bytes as so many kept timeslots have."""

Result = TypeVar("Result")


async def beside(work: Callable[[], Result], *, large: bool) -> Result:
    """Do pure work at once, or, when it is large, in a thread while the loop goes on."""
    return await asyncio.to_thread(work) if large else work()
