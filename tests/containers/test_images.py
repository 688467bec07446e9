"""The images themselves: as small as the documentation says, with a role's own packages and no tool to build more."""

from __future__ import annotations

import pytest

from tests.builders.deploy import documented
from tests.containers.compose_project import docker

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

ROLES = ("gateway", "availability", "booking", "simulator")
BASE = "python:3.13-slim-trixie"
MARGIN_MB = 10


def megabytes(image: str) -> int:
    """An image's size in MB (10^6 bytes)."""
    return round(int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6)


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_as_small_as_it_is_said_to_be(images: str, role: str) -> None:
    """Above its base, which differs from place to place; `make image-sizes` writes the table anew."""
    told = {name: above for name, _, above in documented("Containers")}
    above = megabytes(f"omboka-{role}:{images}") - megabytes(BASE)
    assert abs(above - int(told[f"omboka-{role}"].removesuffix(" MB"))) <= MARGIN_MB


LOOK = """
id -u
for tool in gcc cc make git uv easy_install pip pip3 /opt/omboka/bin/pip; do command -v $tool && echo found $tool; done
for python in python "$(python -c 'import sys; print(sys.base_prefix)')/bin/python3"; do
  for module in pip ensurepip; do "$python" -m $module --version 2>/dev/null && echo found $module of $python; done
done
find / -xdev -name 'pip-*.whl' 2>/dev/null
true
"""


@pytest.mark.parametrize("role", ROLES)
def test_an_image_holds_no_compiler_and_no_installer(images: str, role: str) -> None:
    """Whoever gets in finds nothing to build or fetch packages with, neither ours nor the base's, and isn't root."""
    said = docker("run", "--rm", "--network", "none", "--entrypoint", "sh", f"omboka-{role}:{images}", "-c", LOOK)
    assert said.split() == ["10001"]
