"""The README's transcript: every block is run against the demo, and prints what the README says it prints.

Times, dates and the day's own details differ from run to run, so dates and times are compared by their form.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

from services.demo import greeting
from tests.end_to_end.stacks import embedded

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```\n```(?:json|text)\n(.*?)```", re.DOTALL)


async def test_the_readmes_transcript_is_what_happens(tmp_path: Path) -> None:
    """A demo patient's booking is moved with the README's own commands."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    transcript = readme.partition("<!-- transcript")[2].partition("<!-- end of transcript -->")[0]
    blocks = BLOCK.findall(transcript)
    assert len(blocks) == 4
    async with embedded(tmp_path) as stack, stack.portal("saga") as portal:
        path = f"{curl_of_our_own(tmp_path)}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "OMBOKA": stack.base_url, "TOKEN": portal.token, "PATH": path}
        for script, expected in blocks:
            printed = await _run(script.replace(".venv/bin/python", sys.executable), environment)
            assert _form(printed) == _form(expected)


def test_the_demo_says_where_it_is_and_gives_a_token() -> None:
    """The line that the README asks to paste is printed by the demo, for the patient that the README names."""
    said = greeting("http://127.0.0.1:8080", "http://127.0.0.1:8090", "k" * 32)
    assert re.search(r"^export OMBOKA=http://127\.0\.0\.1:8080 TOKEN=\S+$", said, re.MULTILINE)
    assert "Saga Ekström" in said


def curl_of_our_own(folder: Path) -> str:
    """A folder with as much of curl as the README uses, for machines that have none: a URL and one header."""
    folder = folder / "bin"
    folder.mkdir()
    if shutil.which("curl") is None:
        script = folder / "curl"
        script.write_text(
            f"#!{sys.executable}\n"
            "import sys, urllib.request\n"
            "name, _, value = sys.argv[4].partition(': ')\n"
            "request = urllib.request.Request(sys.argv[2], headers={name: value})\n"
            "sys.stdout.buffer.write(urllib.request.urlopen(request).read())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    return str(folder)


async def _run(script: str, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, env=environment, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, script
    return printed.decode()


def _form(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+Z)?", "TIME", text).strip()
