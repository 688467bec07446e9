"""Fuzz the reader of booking systems' answers with atheris, where that is installed:

    .venv/bin/python -m pip install atheris
    .venv/bin/python -m tests.security.atheris_answers FOLDER -max_total_time=3600 -rss_limit_mb=1024

It isn't in the lock, from which everything is set up on every system: pip finds wheels of it for Linux on x86-64 alone
(3.1.0 for Python 3.12 to 3.14, 3.0.0 for 3.11; none for Linux or macOS on ARM, none for musl), and to build it takes a
clang that has libFuzzer.

The corpus is written into the folder first; what libFuzzer finds stays there. An input that fails belongs into
`tests/security/answers`, where tests/security/test_fuzz_answers.py replays it with every run, without atheris.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found]  # a tool beside the project, not a package of it

with atheris.instrument_imports(include=["shared.scheduling", "shared.contracts", "services.booking.classify"]):
    from tests.security.fuzz_answers import corpus, one_input

LONGEST_SEED = 100_000
"""Bytes: longer inputs make every mutation of them slow, and are replayed as they are."""


def main(arguments: list[str]) -> None:
    """Write the corpus into the folder and fuzz until told to end."""
    folder = Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True)
    for content in corpus().values():
        if len(content) < LONGEST_SEED:
            (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
