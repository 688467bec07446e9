"""`omboka health ROLE`: a container's health check, with nothing but the standard library."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

from shared.settings import Settings, listen_address

PATIENCE_SECONDS = 3.0


def look(role: str, settings: Settings) -> int:
    """Ask a role in this container whether it is ready; prints what is missing, gives the exit code."""
    address = _address(role, settings)
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS):
            return 0
    except urllib.error.HTTPError as error:
        print(error.read(1000).decode("utf-8", "replace"), file=sys.stderr)
    except OSError as error:
        print(f"{role}: {address} doesn't answer: {error}", file=sys.stderr)
    return 1


def _address(role: str, settings: Settings) -> str:
    if role == "simulator":
        return f"http://127.0.0.1:{os.environ.get('OMBOKA_SIMULATOR_PORT', '8090')}/healthz"
    if role == "gateway":
        return f"http://127.0.0.1:{listen_address(settings.listen)[1]}/readyz"
    settings.require("metrics_listen")
    return f"http://127.0.0.1:{listen_address(str(settings.metrics_listen))[1]}/readyz"
