"""The pytest plugin for other teams, used as such a team uses it: in a run of its own, without this project's code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUARD = '''
"""A team has the plugin alone: whoever imports a service fails."""
import sys

sys.modules["services"] = None
'''


def example() -> str:
    """The test file of docs/testing.md."""
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return str(found)


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """Run pytest in a folder that has nothing of this project but what is installed."""
    (folder / "conftest.py").write_text(GUARD, encoding="utf-8")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.containers
@pytest.mark.timeout(600)
def test_the_example_of_the_documentation_runs_as_it_stands(images: str, tmp_path: Path) -> None:
    """Five tests against the images by their tag: slow, taken, fault and lost answer scripted at run time."""
    (tmp_path / "test_portal.py").write_text(example(), encoding="utf-8")
    said = run(tmp_path, "--omboka-tag", images)
    assert re.search(r"^5 passed", said, re.MULTILINE), said[-4000:]


@pytest.mark.containers
def test_images_that_are_not_there_are_told_by_name(tmp_path: Path) -> None:
    """No test hangs, and the message says which image is missing."""
    (tmp_path / "test_portal.py").write_text("def test_it(omboka_stack): ...\n", encoding="utf-8")
    said = run(tmp_path, "--omboka-tag", "never-built")
    assert "omboka-simulator:never-built" in said
    assert "1 error" in said


def test_without_an_engine_a_test_fails_and_says_so(tmp_path: Path) -> None:
    """It is no skip, and nobody waits."""
    (tmp_path / "test_portal.py").write_text("def test_it(omboka_stack): ...\n", encoding="utf-8")
    said = run(tmp_path, DOCKER_HOST="unix:///nowhere.sock")
    assert "Omboka's images can't be started" in said
    assert "1 error" in said


def test_who_asks_for_nothing_pays_nothing(tmp_path: Path) -> None:
    """The plugin is loaded in every run where Omboka is installed: it imports nothing that takes time."""
    heavy = "('aiohttp', 'testcontainers', 'docker', 'jwt', 'shared.testing.stack')"
    test = f"import sys\n\ndef test_it():\n    assert not [one for one in {heavy} if one in sys.modules]\n"
    (tmp_path / "test_portal.py").write_text(test, encoding="utf-8")
    said = run(tmp_path)
    assert "1 passed" in said
    assert "--omboka-tag" in run(tmp_path, "--help")
