"""`make test-all`: each of its stages says how long it took, whatever became of it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def make(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run make with a Python that does nothing, and ends so."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
    python.chmod(0o755)
    # What another make has said to its own kind isn't for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--silent", f"BIN={folder}", "STAMP=Makefile", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_stage_would_say_its_time(tmp_path: Path) -> None:
    """Those that run side by side as well."""
    told = make(tmp_path, "--dry-run", "test-all").stdout
    stages = ["test", "test-containers", "test-browser", "test-servers"]
    assert re.findall(r'echo "== (\S+) took ', told) == stages


@pytest.mark.parametrize("status", [0, 1])
def test_a_stage_says_its_time_and_how_it_ended(tmp_path: Path, status: int) -> None:
    """A stage that fails still fails."""
    done = make(tmp_path, "test", status=status)
    assert re.search(r"^== test took \d+ s$", done.stdout, re.MULTILINE)
    assert (done.returncode == 0) == (status == 0)
