"""The documents of the interface, and a page to read them: made when asked for first, the same ever after.

Source: the interface, `/openapi.json`, `/asyncapi.json`, `/docs`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiohttp import web

from services.gateway import asyncapi as asyncapi_document
from services.gateway import openapi as openapi_document
from services.gateway.requests import json_response

STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code,pre{font:.875rem/1.4 ui-monospace,monospace}pre{background:#f2f2f2;padding:.75rem;overflow:auto}
h2{margin-top:2.5rem}details{border-top:1px solid #ccc;padding:.5rem 0}summary{cursor:pointer}
.method{display:inline-block;min-width:3.5rem;font-weight:700}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#262626}a{color:#9cf}}
"""


@cache
def openapi_json() -> dict[str, Any]:
    """The OpenAPI document."""
    return openapi_document.document(version=_version())


@cache
def asyncapi_json() -> dict[str, Any]:
    """The AsyncAPI document."""
    return asyncapi_document.document(version=_version())


async def openapi(request: web.Request) -> web.Response:
    """`GET /openapi.json`."""
    return json_response(openapi_json())


async def asyncapi(request: web.Request) -> web.Response:
    """`GET /asyncapi.json`."""
    return json_response(asyncapi_json())


async def page(request: web.Request) -> web.Response:
    """`GET /docs`: both documents to read, without script and without anything from elsewhere."""
    return _html(_page())


def _html(text: str) -> web.Response:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)


@cache
def _page() -> str:
    http, stream = openapi_json(), asyncapi_json()
    operations = "".join(
        _details(f'<span class="method">{method.upper()}</span> <code>{_safe(path)}</code>', operation)
        for path, methods in http["paths"].items()
        for method, operation in methods.items()
    )
    messages = "".join(
        _details(f"<code>{_safe(name)}</code>", message) for name, message in stream["components"]["messages"].items()
    )
    all_schemas = {**http["components"]["schemas"], **stream["components"]["schemas"]}
    described = "".join(_details(f"<code>{_safe(name)}</code>", one) for name, one in sorted(all_schemas.items()))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Omboka: the interface</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main>'
        f"<h1>Omboka: the interface</h1><p>{_safe(http['info']['description'])}</p>"
        '<p>To be read by programs: <a href="/openapi.json">OpenAPI 3.1</a> and '
        '<a href="/asyncapi.json">AsyncAPI 3.0</a>.</p>'
        f"<h2>HTTP</h2>{operations}<h2>WebSocket</h2><pre>{_safe(stream['info']['description'])}</pre>{messages}"
        f"<h2>Schemas</h2>{described}</main></body></html>"
    )


def _details(title: str, content: dict[str, Any]) -> str:
    text = content.get("description", "")
    words = f"<p>{_safe(text)}</p>" if isinstance(text, str) and text else ""
    shown = _safe(json.dumps(content, ensure_ascii=False, indent=1))
    return f"<details><summary>{title}</summary>{words}<pre>{shown}</pre></details>"


def _safe(text: str) -> str:
    return html.escape(text)


def _version() -> str:
    try:
        return version("omboka")
    except PackageNotFoundError:
        return "0"
