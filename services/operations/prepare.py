"""`omboka prepare`: keys, and for a demo a configuration, in a folder that containers share; what is there is kept."""

from __future__ import annotations

import os
from pathlib import Path

from services.operations.keys import new_keys


def run(folder: Path, *, simulator_url: str | None) -> int:
    """Write each key into a file of its own, and the demo's configuration for a simulator's address; exit code 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in new_keys().items():
        _keep(folder / name, value)
    if simulator_url is not None:
        from services.simulator.demo import demo_text

        _keep(folder / "omboka.yaml", demo_text(simulator_url))
    return 0


def _keep(file: Path, text: str) -> None:
    try:
        # Never overwritten: what the old keys have sealed could not be opened again.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"omboka: {file} is there already, and is kept")
        return
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    print(f"omboka: {file} is made")
