"""The pytest plugin: `omboka_stack`, `producer`, `ws` and `token` for the integration tests of other teams.

Loaded by itself where Omboka is installed (entry point pytest11); what it needs, `omboka[testing]`, is imported only
by a test that asks for a fixture. Source: the interface, "For tests of others".
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from shared.testing.producer import Patient, Producer
    from shared.testing.stack import OmbokaStack
    from shared.testing.ws import Ws


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which images are started: `IMAGES-gateway:TAG` and so on."""
    group = parser.getgroup("omboka")
    group.addoption(
        "--omboka-images", default=os.environ.get("OMBOKA_IMAGES") or "omboka", help="how image names begin"
    )
    group.addoption("--omboka-tag", default=os.environ.get("OMBOKA_TAG") or "latest", help="the tag of Omboka's images")


@pytest.fixture(scope="session")
def omboka_configuration() -> str | None:
    """The configuration file's text, or None for the demo's. Override it to have facilities of your own.

    Its booking systems must be at http://simulator:8090, and `simulator:` says how they are.
    """
    return None


@pytest.fixture(scope="session")
def omboka_stack(pytestconfig: pytest.Config, omboka_configuration: str | None) -> Iterator[OmbokaStack]:
    """The whole system from its images, once for all tests. Without a Docker engine the test fails and says so."""
    import docker

    from shared.testing.stack import StackFailed, running_stack

    images, tag = pytestconfig.getoption("--omboka-images"), pytestconfig.getoption("--omboka-tag")
    try:
        docker.from_env().close()
        with running_stack(images=images, tag=tag, configuration=omboka_configuration) as stack:
            yield stack
    except (docker.errors.DockerException, StackFailed) as error:
        pytest.fail(f"Omboka's images can't be started: {error}", pytrace=False)


@pytest.fixture(scope="session")
def _turns() -> Iterator[int]:
    """A number for each test."""
    return itertools.count()


@pytest.fixture
def producer(omboka_stack: OmbokaStack, _turns: Iterator[int]) -> Iterator[Producer]:
    """The booking systems, as they were at the beginning; what goes wrong in them ends with the test."""
    from shared.testing.producer import Producer

    systems = Producer(omboka_stack.simulator_url, next(_turns))
    systems.clear()
    systems.reset()
    yield systems
    systems.clear()


@pytest.fixture
def token(omboka_stack: OmbokaStack, producer: Producer) -> Callable[..., str]:
    """Signs tokens: `token()` is of `producer.patient()`, `token(patient, expires_in=…, claim=…)` of another one."""
    from shared.testing.tokens import sign_token

    def sign(patient: Patient | None = None, **claims: Any) -> str:
        return sign_token(omboka_stack.auth_key, patient or producer.patient(), **claims)

    return sign


async def _ws(omboka_stack: OmbokaStack, token: Callable[..., str]) -> AsyncIterator[Ws]:
    """A client that follows a rebooking: `await ws.begin(…)`, `await ws.expect("timeslots.ready")`."""
    from shared.testing.ws import Ws

    client = Ws(omboka_stack.url, token)
    yield client
    await client.close()


def _no_ws() -> None:
    """Needs the packages of omboka[testing]."""
    pytest.fail("the fixture ws needs more packages: install omboka[testing]", pytrace=False)


ws: Any
try:
    import pytest_asyncio
except ImportError:  # the plugin is loaded wherever Omboka is, with this extra or without
    ws = pytest.fixture(_no_ws, name="ws")
else:
    ws = pytest_asyncio.fixture(_ws, name="ws")
