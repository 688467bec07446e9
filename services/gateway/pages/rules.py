"""The rules of comment and phone for the browser, made of the one place where they stand."""

from __future__ import annotations

from aiohttp import web

from services.gateway.deps import DEPS
from services.gateway.requests import json_response
from shared.configuration import CommentRules
from shared.contracts.rules import COMMENT_CHARACTERS, PHONE_CHARACTERS, PHONE_MAX_LENGTH


def rules_for_browsers(comment: CommentRules) -> dict[str, dict[str, str | int]]:
    """Which characters each field may hold, and how many code points."""
    return {
        "comment": {
            "characters": "".join(sorted(COMMENT_CHARACTERS | frozenset(comment.extra_letters))),
            "max_length": comment.max_length,
        },
        "phone": {"characters": "".join(sorted(PHONE_CHARACTERS)), "max_length": PHONE_MAX_LENGTH},
    }


async def show(request: web.Request) -> web.Response:
    """`GET /rules.json`."""
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return json_response(rules_for_browsers(request.app[DEPS].configuration.comment), headers=headers)
