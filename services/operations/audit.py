"""`omboka audit verify`: whether the audit log stands as it was written, and if not, the first link that is broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.audit.audit_log import STANDARD_OUTPUT
from shared.audit.chain import Verdict, verify
from shared.sealing import keyed_digest
from shared.settings import Settings, SettingsError

STANDARD_INPUT = "-"


def run(paths: Sequence[str], settings: Settings) -> int:
    """Check files, folders of them, or standard input (`-`); gives 0 when every link holds, else 1.

    Without a path it is the folder that OMBOKA_AUDIT names. Chains without an end are told: a process that still runs,
    one that was killed, or entries that were cut off. Raises SettingsError without
    the key, or when nothing says what to check.
    """
    settings.require("hmac_key")
    places = paths or ([settings.audit] if settings.audit not in (None, STANDARD_OUTPUT) else [])
    if not places:
        raise SettingsError("OMBOKA_AUDIT names no folder: say which files to check, or `-` for standard input")
    digest = keyed_digest(str(settings.hmac_key))
    entries = chains = 0
    unended: list[str] = []
    for name, lines in _sources(places):
        verdict = verify(lines, digest)
        if verdict.broken is not None:
            print(_told(name, verdict), file=sys.stderr)
            return 1
        entries, chains = entries + verdict.entries, chains + verdict.chains
        unended += verdict.unended
    for chain in unended:
        print(f"{chain} has no end: it is still written to, its process was killed, or its last entries are gone")
    print(f"{entries} entries in {chains} chains: every link holds")
    return 0


def _told(name: str, verdict: Verdict) -> str:
    broken = verdict.broken
    assert broken is not None
    return f"{name}:{broken.line}: entry {broken.n} of {broken.chain} is the first that is broken: {broken.why}"


def _sources(places: Sequence[str | None]) -> Iterator[tuple[str, Iterator[str]]]:
    for place in places:
        if place == STANDARD_INPUT:
            yield "standard input", iter(sys.stdin)
            continue
        path = Path(str(place))
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        for file in files:
            try:
                with file.open(encoding="utf-8", errors="replace") as lines:
                    yield str(file), lines
            except OSError as error:
                raise SettingsError(f"{file} can't be read: {error.strerror}") from None
