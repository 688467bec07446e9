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

from aiohttp.test_utils import unused_port

from services.demo import greeting
from tests.end_to_end.stacks import embedded

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```\n```(?:json|text)\n(.*?)```", re.DOTALL)


async def test_the_readmes_transcript_is_what_happens(tmp_path: Path) -> None:
    """A demo patient's booking is moved with the README's own commands, on a day that is always the same."""
    async with embedded(tmp_path) as stack, stack.portal("saga") as portal:
        await walk(tmp_path, {"OMBOKA": stack.base_url, "TOKEN": portal.token})


async def test_the_readme_is_true_of_the_command_itself(tmp_path: Path) -> None:
    """`omboka demo` is started as a process, today; the line that it prints to be pasted is all that is needed."""
    command = [sys.executable, "-m", "services.cli", "demo", "--port", str(unused_port())]
    demo = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(60):
            while not (said := (await demo.stdout.readline()).decode()).startswith("export "):
                assert said, "the demo has ended"
        await walk(tmp_path, dict(one.split("=", 1) for one in said.split()[1:]))
    finally:
        demo.terminate()
        rest, _ = await asyncio.wait_for(demo.communicate(), 30)
    assert (demo.returncode, rest.decode().splitlines()[-1]) == (0, "omboka: ending")


async def walk(folder: Path, pasted: dict[str, str]) -> None:
    """Run every block of the transcript, and compare what it prints."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    transcript = readme.partition("<!-- transcript")[2].partition("<!-- end of transcript -->")[0]
    blocks = BLOCK.findall(transcript)
    assert len(blocks) == 4
    path = f"{curl_of_our_own(folder)}{os.pathsep}{os.environ['PATH']}"
    for script, expected in blocks:
        printed = await _run(script.replace(".venv/bin/python", sys.executable), {**os.environ, **pasted, "PATH": path})
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
