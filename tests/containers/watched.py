"""The compose stack as its Prometheus sees it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.containers.compose_project import SCALE, Compose

EVERYBODY = {**SCALE, "rabbitmq": 1, "prometheus": 1}
"""How many processes are read, by job."""


@dataclass(frozen=True)
class Watched:
    """The running system, as Prometheus sees it."""

    compose: Compose

    def ask(self, path: str, **query: str) -> Any:
        """Ask Prometheus over its own interface."""
        address = f"http://127.0.0.1:{self.compose.prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            content = json.load(answer)
        assert content["status"] == "success"
        return content["data"]

    def value(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def up(self, *, since: float = 0.0) -> dict[str, int]:
        """How many processes of each job were read and answered, those alone that were read after `since` (UTC)."""
        found = self.value(f"sum by (job) (up and timestamp(up) > {since})")
        return {one["metric"]["job"]: int(one["value"][1]) for one in found}


async def until(ready: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
    """Wait for what another process has to do; fails when it doesn't.

    Prometheus looks every ten seconds and believes a process that went away with itself for another minute.
    """
    ends = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > ends:
            pytest.fail(f"{what}: not within {seconds:g} s", pytrace=False)
        await asyncio.sleep(0.5)  # another process can't be awaited otherwise
