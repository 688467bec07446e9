"""What the compose stack's patients have left in its logs, its Redis and its metrics: never a number, never a name."""

from __future__ import annotations

import inspect

from services.simulator.people import DEMO_PATIENTS
from tests.canary import ANYBODY, hits, in_redis
from tests.containers.compose_project import SCALE, Compose, docker

# Neither Redis nor a role's metrics can be reached from outside: a container that may look does so.
REDIS = f"""
import redis, sys
{inspect.getsource(in_redis)}
for content in in_redis(sys.argv[1]).values():
    print(ascii(content))
"""
METRICS = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"


CANARY = "Kanariefågel"
"""A family name that nobody has but whom a test gives it to: the demo's patients share theirs with its performers."""


def names() -> list[bytes]:
    """The canary's and the demo patients' names as they may be written: in clear, as JSON and as Python escape them."""
    found = {CANARY, *(f"{patient.given_name} {patient.family_name}" for patient in DEMO_PATIENTS)}
    written = {form for name in found for form in (name, ascii(name)[1:-1], ascii(name.encode())[2:-1])}
    return [form.encode() for form in sorted(written)]


def places(compose: Compose) -> dict[str, bytes]:
    """Everything that every container has logged, every key of both Redis with its value, and every role's metrics."""
    found = {f"log of {one}": docker("logs", one, errors=True) for one in compose.containers()}
    for part in ("events", "cache"):
        found[f"redis {part}"] = compose.run(
            "exec", "-T", "availability", "python", "-c", REDIS, f"redis://{part}:6379/0"
        )
    for role in SCALE:
        for container in compose.containers(role):
            found[f"metrics of {role} {container}"] = docker("exec", container, "python", "-c", METRICS)
    return {place: content.encode() for place, content in found.items()}


def nobody_was_named(compose: Compose) -> None:
    """Fail if any demo patient's number or name is in any of these places."""
    looked_through = places(compose)
    for one in (f"redis {part}" for part in ("events", "cache")):
        assert looked_through[one], f"{one} is empty: nothing has been looked through"
    found = hits(looked_through, [*ANYBODY, *names()])
    assert not found, found
