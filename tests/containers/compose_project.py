"""A compose project of the tests' own: the shipped file, scaled, with Prometheus beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.portal import Portal
from tests.end_to_end.stacks import PATIENTS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
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

    def run(self, *arguments: str, profiles: Sequence[str] = ("demo", "observability")) -> str:
        """Run a compose command; what it says when it fails is the test's failure."""
        command = ["docker", "compose", "-p", self.name, "-f", "deploy/docker-compose.yml"]
        command += [part for profile in profiles for part in ("--profile", profile)]
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

    def up_by_the_readme(self) -> None:
        """Run the two lines of the README, one after the other; after each every container is well, or ended well."""
        lines = re.findall(
            r"^docker compose -f deploy/docker-compose.yml --profile demo (up .*)$", README, re.MULTILINE
        )
        assert len(lines) == 2, "the README brings the demo up otherwise now"
        for line in lines:
            self.run(*shlex.split(line, comments=True), profiles=["demo"])
            states = self.states()
            assert {"nginx", *SCALE, "simulator", "prepare", "demo", "deploy"} <= {service for service, _ in states}
            assert {state for _, state in states} <= {"healthy", "exited 0"}, states

    def states(self) -> list[tuple[str, str]]:
        """Each container's service and how it is: its health, `running` where nobody looks, or `exited` and a code."""
        told = [json.loads(line) for line in self.run("ps", "--all", "--format", "json").splitlines()]
        return [
            (one["Service"], f"exited {one['ExitCode']}" if one["State"] == "exited" else one["Health"] or one["State"])
            for one in told
        ]

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

    def portal(self, patient: str = "saga", **claims: Any) -> Portal:
        """A demo patient's portal."""
        return Portal(self.url, self.auth_key, PATIENTS[patient], **claims)


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
