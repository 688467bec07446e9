"""A worker's own port: `/healthz`, `/readyz` (names what is missing), `/metrics`. For operators, never for portals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

PATIENCE_SECONDS = 2.0
Check = Callable[[], Awaitable[object]]


async def serve_operations(host: str, port: int, checks: Mapping[str, Check]) -> web.AppRunner:
    """Serve until `cleanup()`. A check is ready when it returns, and missing when it raises or takes two seconds."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        answers = await asyncio.gather(*(_answers(check) for check in checks.values()))
        missing = [name for name, fine in zip(checks, answers, strict=True) if not fine]
        status = "unavailable" if missing else "ready"
        return web.json_response({"status": status, "missing": missing}, status=503 if missing else 200)

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(generate_latest, REGISTRY)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await check()
    except Exception:  # whatever it is, it isn't ready
        return False
    return True
