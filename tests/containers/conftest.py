"""What the container tests share: the images, built once, and one running system."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from tests.containers.compose_project import Compose
from tests.containers.left_behind import nobody_was_named

ROOT = Path(__file__).parents[2]
TAG = "test"


@pytest.fixture(scope="session")
def images() -> str:
    """The images of every role, built from this checkout; gives their tag. Without a Docker engine it fails."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        pytest.fail("this test needs a Docker engine with Compose: start one", pytrace=False)
    command = ["docker", "compose", "-f", "deploy/docker-compose.yml", "--profile", "demo", "build"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMBOKA_TAG": TAG},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"the images can't be built:\n{done.stderr[-3000:]}", pytrace=False)
    return TAG


@pytest.fixture(scope="session")
def compose(images: str) -> Iterator[Compose]:
    """The whole system, scaled and healthy from nothing, for every test of this folder; nothing of it is left after.

    Before it is taken down its logs, its Redis and its metrics are looked through for whoever was in the tests.
    """
    project = Compose(f"omboka-{uuid.uuid4().hex[:8]}", unused_port(), unused_port(), images)
    try:
        project.up_by_the_readme()
        project.up()
        yield project
        nobody_was_named(project)
    finally:
        project.run("down", "-v", "--remove-orphans")
