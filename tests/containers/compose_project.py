"""A compose project of the tests' own: the shipped file, scaled, with Prometheus beside it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.portal import Portal
from tests.end_to_end.stacks import PATIENTS

ROOT = Path(__file__).parents[2]
SCALE = {"gateway": 2, "availability": 4, "booking": 2}
PARTS = ("nginx", *SCALE, "simulator", "prometheus")
"""What is started, with what it needs; Grafana's image can't be had everywhere."""


@dataclass(frozen=True)
class Compose:
    """The project by its name and the ports at which it is reached."""

    name: str
    port: int
    prometheus: int
    tag: str

    def run(self, *arguments: str) -> str:
        """Run a compose command; what it says when it fails is the test's failure."""
        command = ["docker", "compose", "-p", self.name, "-f", "deploy/docker-compose.yml"]
        command += ["--profile", "demo", "--profile", "observability"]
        environment = {
            **os.environ,
            "OMBOKA_PORT": str(self.port),
            "OMBOKA_PROMETHEUS_PORT": str(self.prometheus),
            "OMBOKA_TAG": self.tag,
        }
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False
        )
        if done.returncode != 0:
            pytest.fail(f"docker compose {' '.join(arguments)}:\n{done.stderr[-3000:]}", pytrace=False)
        return done.stdout

    def up(self) -> None:
        """Bring everything up, healthy, scaled."""
        scale = [part for role, count in SCALE.items() for part in ("--scale", f"{role}={count}")]
        self.run("up", "--wait", "-d", *scale, *PARTS)

    def containers(self, *services: str) -> list[str]:
        """The ids of the containers of these services."""
        return self.run("ps", "-q", "--all", *services).split()

    @property
    def url(self) -> str:
        """Where nginx answers."""
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def auth_key(self) -> str:
        """The development key that the system has made for itself; read once, as its reader may be away later."""
        return self.run("exec", "-T", "gateway", "cat", "/prepared/auth_key")

    def portal(self, patient: str = "saga") -> Portal:
        """A demo patient's portal."""
        return Portal(self.url, self.auth_key, PATIENTS[patient])


def docker(*arguments: str, errors: bool = False) -> str:
    """Run a docker command; gives what it prints, its standard error too if wanted. When it fails, so does the test."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        pytest.fail(f"docker {' '.join(arguments)}:\n{done.stderr[-2000:]}", pytrace=False)
    return done.stdout + (done.stderr if errors else "")


def state_of(container: str) -> dict[str, Any]:
    """A container's state as Docker tells it."""
    (state,) = json.loads(docker("inspect", "--format", "[{{json .State}}]", container))
    assert isinstance(state, dict)
    return state


def wait_until_healthy(container: str, *, seconds: float = 90.0) -> None:
    """Wait for a container's health check to be content; blocks."""
    ends = time.monotonic() + seconds
    while state_of(container)["Health"]["Status"] != "healthy":
        if time.monotonic() > ends:
            pytest.fail(f"not healthy: {docker('logs', '--tail', '30', container)}", pytrace=False)
        time.sleep(0.3)  # another process can't be awaited otherwise
