"""Whatever is asked over HTTP has a foreseen answer: what the served document allows, and what it doesn't.

Source: the reliability rules 4.3 and N10.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.security.marked import Marked, advance, marked_system
from tests.security.results import keep
from tests.security.sizes import SEED, size
from tests.security.watching import DEADLINE_SECONDS, Slowest, bounded_memory, nothing_unforeseen

LONGEST_WAIT = 0.02
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.timeout(1800)
async def test_the_served_document_is_kept_whatever_is_asked(tmp_path: Path) -> None:
    """Right and wrong requests made from the OpenAPI document: only documented answers, none of them 5xx."""
    async with marked_system(tmp_path, "saga") as (_, (patient,)):
        await advance(patient)
        document = json.loads((await patient.ask("GET", "/openapi.json"))[1])
        ends, slowest = Counter[str](), Slowest()
        with nothing_unforeseen(), bounded_memory() as memory:
            asked = await asyncio.to_thread(ask_everything, document, patient, ends, slowest)
    assert asked >= size(200, 10_000)
    keep("http", tried=asked, slowest=slowest.seconds, grown=memory.grown, ends=ends)


def ask_everything(document: dict[str, Any], patient: Marked, ends: Counter[str], slowest: Slowest) -> int:
    """Ask every operation with right and with wrong requests, each answered in time; gives how many were asked."""
    schema = schemathesis.openapi.from_dict(document)
    asked = itertools.count()
    with requests.Session() as session:
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.endswith("/stream"):
                continue  # a WebSocket, which has a fuzzer of its own
            for mode in schemathesis.GenerationMode:

                @seed(SEED)
                @settings(
                    max_examples=size(16, 800), deadline=None, database=None, suppress_health_check=list(HealthCheck)
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def one(case: schemathesis.Case) -> None:
                    if next(asked) % 3 and "id" in case.path_parameters:
                        case.path_parameters["id"] = patient.rebooking_id
                    if "wait" in case.query:
                        case.query["wait"] = _short(case.query["wait"])
                    headers = {**(case.headers or {}), **patient.portal.headers}
                    with slowest.measured():
                        response = case.call(
                            base_url=patient.portal.base_url, headers=headers, session=session, timeout=DEADLINE_SECONDS
                        )
                    ends[str(response.status_code)] += 1
                    case.validate_response(response, checks=CHECKS)

                with contextlib.suppress(Unsatisfiable):  # where nothing is asked for, nothing can be asked wrongly
                    one()
    return next(asked)


def _short(wait: Any) -> Any:
    return min(wait, LONGEST_WAIT) if isinstance(wait, int | float) else wait
