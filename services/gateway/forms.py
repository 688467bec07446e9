"""Forms that can't be read are refused before anybody looks at them: other than the plain kind, broken, or too slow.

Source: the reliability rules 4.1, "Flood, slowloris" and N10: no 5xx for whatever is sent.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from services.gateway import refusals
from services.gateway.problems import preferred_language, response
from services.gateway.requests import BODY_SECONDS


@web.middleware
async def read_forms(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read a posted form whole, so that handlers find it there; answer one that can't be read as a problem.

    Raises what the handler raises, nothing of its own.
    """
    if request.method != "POST" or request.path.startswith("/v1/"):
        return await handler(request)
    try:
        if request.content_type.startswith("multipart/"):  # no page sends one, and a file would go to the disk
            raise ValueError
        async with asyncio.timeout(BODY_SECONDS):
            await request.post()
    except (ValueError, LookupError, TimeoutError, ConnectionError):  # the last: whoever sent half of it is gone
        language = preferred_language(request)
        return response(refusals.field("body", "form", language).problem, language)
    return await handler(request)
