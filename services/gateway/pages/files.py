"""The pages' files (stylesheet, scripts, icon): read once, and told with an ETag, so that a browser asks only whether.

From memory, so that no file stays open when a browser hangs up in the middle.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

STATIC = Path(__file__).parent.parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class File(NamedTuple):
    """A file as it is told."""

    content: bytes
    kind: str
    etag: str


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(content, KINDS[path.suffix], hashlib.sha256(content).hexdigest()[:32])


FILES = {path.name: _read(path) for path in STATIC.iterdir() if path.suffix in KINDS}


async def show(request: web.Request) -> web.Response:
    """`GET /static/NAME`; 304 to whoever has it already. Raises HTTPNotFound for any other name."""
    found = FILES.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    known = any(tag.value in (found.etag, "*") for tag in request.if_none_match or ())
    answer = (
        web.Response(status=304)
        if known
        else web.Response(body=found.content, content_type=found.kind, charset="utf-8")
    )
    answer.etag = found.etag
    answer.headers["Cache-Control"] = "no-cache"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
