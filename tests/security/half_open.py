"""What 500 half-open connections and 2,000 idle sockets cost everybody else: `python -m tests.security.half_open`.

Pairs of equal spans, one without and one with them, in a gateway of its own process: the same healthy requests come at
their times, whatever the answers take. Prints JSON: how long the half-open ones were kept, how many sockets stayed, and
the ratio of the 99th percentiles, with the 95 % bounds of its median. Source: the reliability rules N11.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp.test_utils import TestServer, unused_port

from benchmarks.figures import paired
from services.simulator.app import make_app
from tests.end_to_end.portal import Portal
from tests.end_to_end.stacks import LINDANGEN, PATIENTS, Role, a_configuration, a_settings

BOOKING = "1HZ5-0100001"
LIMITS = {
    "sockets_per_subject": 5000,
    "sockets_per_address": 10_000,
    "commands_per_10s": 1_000_000,
    "commands_per_10s_per_address": 1_000_000,
}


def percentile(values: list[float], part: float) -> float:
    """The value below which this part of all values is."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


async def healthy(portal: Portal, *, seconds: float, rate: float) -> list[float]:
    """The times, in seconds, from when each request should have begun to its whole answer."""
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.1

    async def one(at: float) -> float:
        await asyncio.sleep(at - loop.time())
        await portal.get("/v1/me")
        return loop.time() - at

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one(began + n / rate)) for n in range(int(seconds * rate))]
    return [task.result() for task in asked]


def attack(base_url: str, path: str, token: str, counts: tuple[int, int], ready: Event, end: Event, told: Any) -> None:
    """In a process of its own: open the idle sockets, begin the half-open requests, and tell how long these lived."""
    told.put(asyncio.run(_attack(base_url, path, token, counts, ready, end)))


async def _attack(
    base_url: str, path: str, token: str, counts: tuple[int, int], ready: Event, end: Event
) -> dict[str, Any]:
    half_open, idle = counts
    address = urlsplit(base_url)
    async with aiohttp.ClientSession(
        base_url, connector=aiohttp.TCPConnector(limit=0), headers={"Authorization": f"Bearer {token}"}
    ) as session:
        sockets = []
        for _ in range(idle):
            socket = await session.ws_connect(f"{path}/stream", protocols=["omboka.v1"])
            await socket.send_json({"type": "hello", "after": 10**9})
            sockets.append(socket)
        answering = [asyncio.create_task(_drain(socket)) for socket in sockets]

        async def one() -> float:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            began = time.monotonic()
            writer.write(b"GET /v1/me HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            return time.monotonic() - began

        halves = [asyncio.create_task(one()) for _ in range(half_open)]
        await asyncio.sleep(0.5)
        ready.set()
        lived = await asyncio.gather(*halves)
        await asyncio.to_thread(end.wait)
        open_still = sum(not socket.closed for socket in sockets)
        for task in answering:
            task.cancel()
        return {"longest_half_open_s": round(max(lived), 2), "idle_sockets_still_open": open_still}


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


async def measure(*, half_open: int, idle: int, pairs: int, seconds: float, rate: float) -> dict[str, Any]:
    """Run a gateway and both kinds of span; gives what was found."""
    simulator = TestServer(make_app(a_configuration("http://127.0.0.1:1")))
    await simulator.start_server()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulator_url = str(simulator.make_url("")).rstrip("/")
        configuration = a_configuration(simulator_url, limits=LIMITS)
        file = folder / "omboka.yaml"
        file.write_text(yaml.safe_dump(configuration.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
        settings = a_settings(folder)
        port = unused_port()
        environment = {
            "OMBOKA_DATA_KEYS": settings.data_keys[0],
            "OMBOKA_HMAC_KEY": str(settings.hmac_key),
            "OMBOKA_SESSION_KEY": str(settings.session_key),
            "OMBOKA_AUTH_KEY": str(settings.auth_key),
            "OMBOKA_LOG_LEVEL": "WARNING",
            "PATH": os.environ["PATH"],
        }
        role = Role(folder, ["all-in-one", "--config", str(file), "--port", str(port)], environment, None)
        role.port = port
        try:
            await role.ready()
            base_url = f"http://127.0.0.1:{port}"
            async with Portal(base_url, str(settings.auth_key), PATIENTS["saga"], expires_in=3600) as portal:
                rebooking = await portal.rebook(LINDANGEN, BOOKING)
                await healthy(portal, seconds=2, rate=rate)
                spans: list[dict[str, float]] = []
                found: list[dict[str, Any]] = []
                for _ in range(pairs):
                    without = await healthy(portal, seconds=seconds, rate=rate)
                    context = multiprocessing.get_context("spawn")
                    ready, end, told = context.Event(), context.Event(), context.Queue()
                    attacker = context.Process(
                        target=attack,
                        args=(base_url, rebooking.path, portal.token, (half_open, idle), ready, end, told),
                    )
                    attacker.start()
                    await asyncio.to_thread(ready.wait)
                    under = await healthy(portal, seconds=seconds, rate=rate)
                    end.set()
                    found.append(await asyncio.to_thread(told.get))
                    await asyncio.to_thread(attacker.join)
                    spans.append({"without": percentile(without, 0.99), "under": percentile(under, 0.99)})
        finally:
            await role.stop()
            await simulator.close()
    plain = [span["without"] for span in spans]
    ratios = paired([span["under"] / span["without"] for span in spans])
    noise = paired([later / earlier for earlier, later in itertools.pairwise(plain)])
    return {
        "half_open": half_open,
        "idle_sockets": idle,
        "pairs": pairs,
        "seconds_each": seconds,
        "requests_per_second": rate,
        "longest_half_open_s": max(one["longest_half_open_s"] for one in found),
        "fewest_idle_sockets_still_open": min(one["idle_sockets_still_open"] for one in found),
        "p99_ms": [{name: round(value * 1000, 1) for name, value in span.items()} for span in spans],
        **{f"{name}_ratio_of_p99": round(ratios[name], 2) for name in ("median", "low", "high")},
        **{f"{name}_ratio_of_p99_without_to_itself": round(noise[name], 2) for name in ("median", "low", "high")},
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    """Measure and print; exit code 1 when half-open ones were kept too long, idle ones lost, or either was felt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-open", type=int, default=500)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--out", type=Path, help="where the JSON is written as well")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found = asyncio.run(
        measure(half_open=given.half_open, idle=given.idle, pairs=given.pairs, seconds=given.seconds, rate=given.rate)
    )
    print(json.dumps(found, indent=2))
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    kept = found["fewest_idle_sockets_still_open"] == given.idle
    good = kept and found["longest_half_open_s"] <= 10 and found["median_ratio_of_p99"] <= 1.1
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
