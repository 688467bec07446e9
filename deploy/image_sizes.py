"""Write the sizes of the images into docs/operations.md, as `docker image inspect` tells them: `make image-sizes`.

The images must be there: `docker compose -f deploy/docker-compose.yml --profile demo build`. Standard library alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "operations.md"
ROLES = ("gateway", "availability", "booking", "simulator")
TABLE = re.compile(r"(?<=<!-- sizes: make image-sizes -->\n).*?(?=<!-- end of sizes -->)", re.DOTALL)


def size(image: str) -> int:
    """An image's size in MB (10^6 bytes); exits with what Docker says when it isn't there."""
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return round(int(done.stdout) / 1e6)


def table(tag: str, base: str = "python:3.13-slim-trixie") -> str:
    """The table: each image, its size, and what of it is ours and not the base's."""
    under = size(base)
    rows = [f"| {base} (the base) | {under} MB | |"]
    for role in ROLES:
        whole = size(f"omboka-{role}:{tag}")
        rows.append(f"| omboka-{role} | {whole} MB | {whole - under} MB |")
    return "\n".join(["| image | size | above the base |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    made = table(os.environ.get("OMBOKA_TAG") or "latest")
    DOCUMENT.write_text(TABLE.sub(lambda _: made, text), encoding="utf-8")
    print(made, end="")
