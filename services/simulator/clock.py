"""The simulator's clock: Swedish civil time that can be stopped, set and started again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")
"""The zone of the times in the contracts, which carry no zone themselves."""


def civil(moment: dt.datetime) -> dt.datetime:
    """Turn a datetime into naive Swedish civil time; a naive one is taken to be that already."""
    return moment.astimezone(STOCKHOLM).replace(tzinfo=None) if moment.tzinfo else moment


def real_time() -> dt.datetime:
    """Give the real time, with its zone."""
    return dt.datetime.now(dt.UTC)


class SimulatorClock:
    """Tells the civil time: the source's, or the one it was set to, standing still or going on from there."""

    def __init__(self, source: Callable[[], dt.datetime] = real_time, fixed: dt.datetime | None = None) -> None:
        self._source = source
        self._fixed = civil(fixed) if fixed else None
        self._ahead: dt.timedelta | None = None

    def now(self) -> dt.datetime:
        """Give the civil time now, naive."""
        if self._fixed is not None:
            return self._fixed
        return civil(self._source()) + (self._ahead or dt.timedelta())

    def set(self, now: dt.datetime | None, *, ticking: bool = False) -> None:
        """Set the time, standing still unless `ticking`; None goes back to the source's time."""
        self._fixed = self._ahead = None
        if now is not None and ticking:
            self._ahead = civil(now) - civil(self._source())
        elif now is not None:
            self._fixed = civil(now)
