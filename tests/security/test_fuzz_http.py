"""Whatever is asked over HTTP has a foreseen answer: what the served document allows, and what it doesn't.

Source: the reliability rules 4.3 and N10.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
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

from tests.security.marked import advance, marked_system
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
        asked = partial(
            ask_everything, document, patient.portal.base_url, dict(patient.portal.headers), patient.rebooking_id
        )
        # Making requests up takes more memory than answering them: in a process of its own it isn't measured with that.
        with ProcessPoolExecutor(1, get_context("spawn")) as another, nothing_unforeseen(), bounded_memory() as memory:
            ends, slowest = await asyncio.get_running_loop().run_in_executor(another, asked)
    assert ends.total() >= size(200, 10_000)
    keep("http", tried=ends.total(), slowest=slowest, grown=memory.grown, ends=ends)


def ask_everything(
    document: dict[str, Any], base_url: str, headers: dict[str, str], rebooking_id: str
) -> tuple[Counter[str], float]:
    """Ask every operation with right and with wrong requests, each answered in time.

    Gives how many had which status, and the seconds of the slowest. Raises AssertionError.
    """
    schema = schemathesis.openapi.from_dict(document)
    asked, ends, slowest = itertools.count(), Counter[str](), Slowest()
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
                        case.path_parameters["id"] = rebooking_id
                    if "wait" in case.query:
                        case.query["wait"] = _short(case.query["wait"])
                    with slowest.measured():
                        response = case.call(
                            base_url=base_url,
                            headers={**(case.headers or {}), **headers},
                            session=session,
                            timeout=DEADLINE_SECONDS,
                        )
                    ends[str(response.status_code)] += 1
                    case.validate_response(response, checks=CHECKS)

                try:
                    one()
                except Unsatisfiable:
                    pass  # where nothing is asked for, nothing can be asked wrongly
                except (Exception, BaseExceptionGroup) as error:  # theirs can't be handed to another process
                    raise AssertionError("".join(traceback.format_exception(error))) from None
    return ends, slowest.seconds


def _short(wait: Any) -> Any:
    return min(wait, LONGEST_WAIT) if isinstance(wait, int | float) else wait
