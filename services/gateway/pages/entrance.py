"""The entrance: in a demo one picks a patient; otherwise a portal hands patients over."""

from __future__ import annotations

from aiohttp import web

from services.gateway import auditing
from services.gateway.deps import AUTHENTICATOR, DEPS, ORIGINS, SESSIONS
from services.gateway.pages.drawing import draw, page, see_other
from services.gateway.problems import preferred_language
from shared.contracts.problems import Problem, ProblemType, Refusal

DEMO_SECONDS = 12 * 3600
"""For how long a demo patient stays signed in."""


@page
async def home(request: web.Request) -> web.Response:
    """`GET /sign-in`: on to the bookings when signed in, else the demo's patients, else how to sign in."""
    deps = request.app[DEPS]
    if request.app[SESSIONS].read(request, now=deps.clock.now().timestamp()) is not None:
        return see_other("/bookings")
    language = preferred_language(request)
    patients = [
        {"number": number, "name": f"{one.given_name} {one.family_name}", "masked": one.subject.masked}
        for number, one in enumerate(deps.demo_patients)
    ]
    return draw(request, "entrance.html", language=language, visitor=None, patients=patients)


@page
async def sign_in(request: web.Request) -> web.Response:
    """`POST /demo/session` (form `patient`): sign in as a demo patient; not-found where there is no demo."""
    deps = request.app[DEPS]
    request.app[ORIGINS].check_own(request)
    chosen = str((await request.post()).get("patient", ""))
    if not (chosen.isascii() and chosen.isdigit() and int(chosen) < len(deps.demo_patients)):
        raise Refusal(Problem(type=ProblemType.NOT_FOUND))
    expires_at = deps.clock.now().timestamp() + DEMO_SECONDS
    caller = request.app[AUTHENTICATOR].caller(deps.demo_patients[int(chosen)], expires_at=expires_at, acting=False)
    answer = see_other("/bookings")
    request.app[SESSIONS].begin(answer, auditing.known(request, caller))
    return answer
