"""The audit log: noted at once, written in order, nothing lost at the end, and nothing accessed that can't be noted."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import threading
from pathlib import Path

import pytest

from services.cli import main
from services.operations.audit import run as verify_files
from shared.audit.audit_log import AuditLog, AuditUnavailable, Folder, sink_of
from shared.audit.auditor import Auditor
from shared.audit.chain import Access, verify
from shared.clock import FixedClock
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity
from shared.sealing import Sealer, keyed_digest
from shared.settings import Settings, SettingsError
from tests.unit.audit.test_chain import AT, DIGEST, an_access


class Sink:
    """A sink that breaks for as long as it is told to, and tells when it was tried."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.chains: list[str] = []
        self.works = threading.Event()
        self.tried = threading.Semaphore(0)

    def write(self, chain: str, lines: list[str]) -> None:
        """Keep the lines, or fail."""
        self.tried.release()
        if not self.works.is_set():
            raise OSError("the disk is full")
        self.chains.append(chain)
        self.lines += lines


def an_audit_log(sink: object, *, most: int = 1000) -> AuditLog:
    """An audit log that tries again at once."""
    return AuditLog(sink, DIGEST, FixedClock(AT), role="gateway", most=most, retry_seconds=0.001)  # type: ignore[arg-type]


def test_everything_noted_before_the_end_is_written_in_order_and_ended() -> None:
    """Ten thousand accesses of ten threads: closing waits for the last, and the chain has its end."""
    sink = Sink()
    sink.works.set()
    audit = an_audit_log(sink, most=20_000)
    threads = [threading.Thread(target=lambda: [audit.note(an_access(n)) for n in range(1000)]) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.close()
    verdict = verify(sink.lines, DIGEST)
    assert (verdict.entries, verdict.chains, verdict.unended, verdict.broken) == (10_001, 1, (), None)


def test_what_cannot_be_written_waits_and_is_written_afterwards() -> None:
    """While the sink is broken the log says so; when it works again nothing is missing and nothing is there twice."""
    sink = Sink()
    audit = an_audit_log(sink)
    audit.note(an_access(1))
    sink.tried.acquire()
    sink.tried.acquire()
    with pytest.raises(AuditUnavailable):
        audit.writes()
    audit.note(an_access(2))
    sink.works.set()
    audit.close()
    assert [json.loads(line).get("outcome") for line in sink.lines] == ["1", "2", None]
    assert verify(sink.lines, DIGEST).broken is None


def test_when_too_much_waits_nothing_may_be_accessed() -> None:
    """Both the question before an access and the access itself are refused; there is no entry too few afterwards."""
    sink = Sink()
    audit = an_audit_log(sink, most=3)
    audit.note(an_access(0))
    sink.tried.acquire()  # the first is being written, three more wait
    for n in range(1, 4):
        audit.check()
        audit.note(an_access(n))
    with pytest.raises(AuditUnavailable):
        audit.check()
    with pytest.raises(AuditUnavailable):
        audit.note(an_access(4))
    sink.works.set()
    audit.close()
    assert verify(sink.lines, DIGEST).entries == 5


def test_an_end_that_cannot_be_written_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Who stops a process whose audit log can't be written learns that entries are lost."""
    sink = Sink()
    audit = an_audit_log(sink)
    audit.note(an_access())
    with caplog.at_level(logging.CRITICAL):
        audit.close(patience=0.05)
    assert "entries are lost" in caplog.text
    sink.works.set()


def test_each_day_is_a_chain_of_its_own() -> None:
    """The day of an access decides; the day before is ended."""
    sink = Sink()
    sink.works.set()
    audit = an_audit_log(sink)
    for day in (15, 15, 16):
        at = dt.datetime(2026, 1, day, 23, 59, tzinfo=dt.UTC)
        audit.note(Access(at=at, actor="a", actor_type="x", subject="a", act="read", outcome="200"))
    audit.close()
    assert sorted({chain[:10] for chain in sink.chains}) == ["2026-01-15", "2026-01-16"]
    verdict = verify(sink.lines, DIGEST)
    assert (verdict.chains, verdict.entries, verdict.unended) == (2, 5, ())


def test_a_folder_is_only_added_to_and_two_processes_never_share_a_file(tmp_path: Path) -> None:
    """Two logs at once write two files, and a command checks them all."""
    logs = [an_audit_log(Folder(tmp_path / "audit")) for _ in range(2)]
    for audit in logs:
        audit.note(an_access())
        audit.close()
    files = sorted((tmp_path / "audit").iterdir())
    assert len(files) == 2
    assert verify_files([], Settings(audit=str(tmp_path / "audit"), hmac_key="k" * 32)) == 0


def test_the_command_names_the_first_broken_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By file, line, number and chain, with exit code 1; a chain that was cut short is told as well."""
    audit = an_audit_log(Folder(tmp_path))
    for n in range(3):
        audit.note(an_access(n))
    audit.close()
    settings = Settings(audit=str(tmp_path), hmac_key="k" * 32)
    (file,) = tmp_path.iterdir()
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)

    file.write_text("".join(lines[:-1]), encoding="utf-8")
    assert verify_files([], settings) == 0
    assert "has no end" in capsys.readouterr().out

    file.write_text("".join([lines[0], lines[1].replace('"1"', '"404"'), *lines[2:]]), encoding="utf-8")
    assert verify_files([str(file)], settings) == 1
    assert f"{file}:2: entry 2 of {file.stem} is the first that is broken" in capsys.readouterr().err


def test_the_command_reads_a_roles_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`omboka audit verify -` takes what a role has printed, whatever else was printed between."""
    sink = Sink()
    sink.works.set()
    audit = an_audit_log(sink)
    audit.note(an_access())
    audit.close()
    monkeypatch.setenv("OMBOKA_HMAC_KEY", "k" * 32)
    printed = ["omboka: the gateway listens at 0.0.0.0:8080", *sink.lines]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(printed)))
    assert main(["audit", "verify", "-"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join([printed[0], printed[2]])))
    assert main(["audit", "verify", "-"]) == 1


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    """Without the key, without a folder and without a file that can be read it says so."""
    for settings, paths in (
        (Settings(audit=str(tmp_path)), []),
        (Settings(hmac_key="k" * 32), []),
        (Settings(hmac_key="k" * 32), [str(tmp_path / "nothing")]),
    ):
        with pytest.raises(SettingsError):
            verify_files(paths, settings)
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError):
        sink_of(str(tmp_path / "file" / "folder"))


def test_no_number_is_in_an_entry() -> None:
    """A relative's access names both by keyed digests; who it was can be opened with the data keys alone."""
    sink = Sink()
    sink.works.set()
    from cryptography.fernet import Fernet

    sealer = Sealer([Fernet.generate_key().decode()], "k" * 32)
    patient, relative = SubjectOfCareId("191212121212"), SubjectOfCareId("198706222380")
    audit = AuditLog(sink, sealer.digest, FixedClock(AT), role="gateway")
    auditor = Auditor(audit, sealer, FixedClock(AT))
    for actor in (patient, relative):
        identity = Identity(subject=patient, actor=Actor(id=actor, type=ActorType.SUBJECT_OF_CARE), given_name="Tolvan")
        auditor.note(identity, "read", "200", of="a")
    audit.close()
    text = "".join(sink.lines)
    assert not any(word in text for word in ("191212121212", "1212121212", "198706222380", "8706222380", "Tolvan"))
    own, others = (json.loads(line) for line in sink.lines[:2])
    assert own["actor"] == own["subject"] == others["subject"] == sealer.owner(patient)
    assert others["actor"] == sealer.owner(relative)
    assert "actor_sealed" not in own
    assert sealer.open(others["actor_sealed"]).decode() == "198706222380"
    assert verify(sink.lines, keyed_digest("k" * 32)).broken is None
