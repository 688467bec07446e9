"""Runs the simulator by itself: `omboka simulator`.

The environment may name `OMBOKA_SIMULATOR_HOST` (where to listen, default 127.0.0.1) and
`OMBOKA_SIMULATOR_JOURNAL` (the file that the journal is written to, and of which the world comes back as it was when
the simulator is started again within a day; without it the world begins anew each time).
"""

from __future__ import annotations

import os

from aiohttp import web

from services.simulator.app import make_app
from shared.configuration import Configuration

HOST = "OMBOKA_SIMULATOR_HOST"
JOURNAL = "OMBOKA_SIMULATOR_JOURNAL"


def run(configuration: Configuration, *, port: int) -> int:
    """Run until the process is told to end; gives the exit status."""
    app = make_app(configuration, journal_path=os.environ.get(JOURNAL))
    web.run_app(app, host=os.environ.get(HOST, "127.0.0.1"), port=port, access_log=None)
    return 0
