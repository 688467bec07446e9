"""TLS towards a booking system: whom we trust, who we are, and files that change while we run."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.configuration import Tls
from shared.contracts.model import Interaction, ResultCode
from shared.observability.calls import count_call
from shared.scheduling.certificates import Certificates
from shared.scheduling.client import SchedulingClient
from shared.scheduling.failures import ConnectionBroken, NotReached, NotTrusted, SchedulingFailure, Sent, TrustRefused
from shared.scheduling.transport import failure_of
from tests.builders.scheduling import FACILITY, a_configuration, a_context, an_update
from tests.builders.soap import an_answer, an_envelope, an_update_answer
from tests.contract.scheduling.raw_booking_system import a_raw_booking_system, http, says

DETAIL = "<r:timeslotDetail><c:bookingId>B-1</c:bookingId></r:timeslotDetail>"
BOOKING = http(an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, DETAIL)))
OK = http(an_update_answer())


def a_certificate(folder: Path, name: str, *, address: str = "127.0.0.1", days_left: int = 1) -> Path:
    """A PEM file with a key and a certificate that vouches for itself, for an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days_left))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def _usage() -> x509.KeyUsage:
    # Newer Pythons check strictly: a certificate that vouches must say that it may.
    allowed = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    return x509.KeyUsage(**allowed, **dict.fromkeys((*others, "decipher_only"), False))


def a_server(certificate: Path, *, trusts: Path | None = None) -> ssl.SSLContext:
    """A booking system's side; with `trusts` it asks for our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if trusts is not None:
        # With TLS 1.2 a certificate is refused within the handshake, so that a test knows when.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(trusts)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_trusted_system_is_spoken_to_over_tls(tmp_path: Path) -> None:
    """Look-ups and updates alike."""
    server = a_certificate(tmp_path, "server")
    async with a_raw_booking_system(says(BOOKING), tls=a_server(server)) as system:
        async with SchedulingClient(a_configuration(system.url, tls=f"ca: {server}")) as client:
            assert await client.get_booking_details(FACILITY, "B-1", a_context()) is not None
    async with a_raw_booking_system(says(OK), tls=a_server(server)) as system:
        async with SchedulingClient(a_configuration(system.url, tls=f"ca: {server}")) as client:
            connection = await client.connect(an_update(), a_context())
            assert (await connection.send()).code is ResultCode.OK
            await connection.close()


@pytest.mark.parametrize(
    ("fault", "words"),
    [("unknown", "self-signed certificate"), ("another address", "mismatch"), ("expired", "certificate has expired")],
)
async def test_a_system_that_is_not_who_it_should_be_gets_nothing(
    tmp_path: Path, fault: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The handshake fails: not trusted, not a byte of the request, and the log says why."""
    caplog.set_level("INFO", "omboka.calls")
    address = "192.0.2.1" if fault == "another address" else "127.0.0.1"
    server = a_certificate(tmp_path, "server", address=address, days_left=-1 if fault == "expired" else 1)
    trusted = a_certificate(tmp_path, "other") if fault == "unknown" else server
    async with a_raw_booking_system(says(OK), tls=a_server(server)) as system:
        configuration = a_configuration(system.url, tls=f"ca: {trusted}")
        async with SchedulingClient(configuration, on_call=count_call) as client:
            for call in (
                client.get_booking_details(FACILITY, "B-1", a_context()),
                client.connect(an_update(), a_context()),
            ):
                with pytest.raises(NotTrusted, match=words):
                    await call

    assert sum(connection.requests for connection in system.connections) == 0
    assert [(" not_trusted " in line, words in line) for line in caplog.messages] == [(True, True)] * 2


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("TLSV13_ALERT_CERTIFICATE_REQUIRED", TrustRefused), ("TLSV1_ALERT_INTERNAL_ERROR", ConnectionBroken)],
)
def test_tls_that_is_ended_after_the_handshake_says_why(reason: str, kind: type[ConnectionBroken]) -> None:
    """As TLS 1.3 does where our certificate isn't taken. Whether anything was received is unknown all the same."""
    error, cause = aiohttp.ClientOSError(1, "ended"), ssl.SSLError(1, reason)
    cause.reason, error.__cause__ = reason, cause
    failure = failure_of(error)
    assert (type(failure), failure.sent) == (kind, Sent.UNKNOWN)
    assert reason in str(failure)


async def test_our_certificate_is_shown_to_a_system_that_asks_for_it(tmp_path: Path) -> None:
    """Mutual TLS, as the profile demands; without it there is no connection."""
    server, ours = a_certificate(tmp_path, "server"), a_certificate(tmp_path, "ours")
    async with a_raw_booking_system(says(OK), tls=a_server(server, trusts=ours)) as system:
        async with SchedulingClient(a_configuration(system.url, tls=f"ca: {server}, certificate: {ours}")) as client:
            connection = await client.connect(an_update(), a_context())
            assert (await connection.send()).code is ResultCode.OK
            await connection.close()
        async with SchedulingClient(a_configuration(system.url, tls=f"ca: {server}")) as client:
            with pytest.raises(NotReached):
                await client.connect(an_update(), a_context())


async def test_missing_files_are_not_reached(tmp_path: Path) -> None:
    """One system's forgotten certificate is one system's trouble."""
    async with SchedulingClient(a_configuration(tls=f"ca: {tmp_path / 'none.pem'}")) as client:
        for call in (
            client.get_booking_details(FACILITY, "B-1", a_context()),
            client.connect(an_update(), a_context()),
        ):
            with pytest.raises(SchedulingFailure) as caught:
                await call
            assert type(caught.value) is NotReached


async def test_renewed_files_are_used_without_a_restart(tmp_path: Path) -> None:
    """The next call goes by the new files, over a new connection."""
    server, other = a_certificate(tmp_path, "server"), a_certificate(tmp_path, "other")
    trust = tmp_path / "trust.pem"
    trust.write_bytes(server.read_bytes())
    async with a_raw_booking_system(says(BOOKING), tls=a_server(server)) as system:
        async with SchedulingClient(a_configuration(system.url, tls=f"ca: {trust}")) as client:
            await client.get_booking_details(FACILITY, "B-1", a_context())
            trust.write_bytes(other.read_bytes() + b"\n")

            with pytest.raises(NotReached):
                await client.get_booking_details(FACILITY, "B-1", a_context())


def test_a_context_is_made_once_for_the_same_files(tmp_path: Path) -> None:
    """Made anew only when one of the files has changed, and kept while they can't be read."""
    file = a_certificate(tmp_path, "server")
    producer = a_configuration(tls=f"ca: {file}").producers["north"]
    assert producer.tls == Tls(ca=file)
    certificates = Certificates()

    first = certificates.context("north", producer)
    assert certificates.context("north", producer) is first
    assert certificates.context("south", producer) is first, "the same files are read for another system"

    file.write_bytes(a_certificate(tmp_path, "other").read_bytes() + b"\n")
    second = certificates.context("north", producer)
    assert second is not first

    file.unlink()
    assert certificates.context("north", producer) is second


async def test_no_call_waits_for_a_context_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes as long as twenty calls: a client has made them all before its first."""

    def never(_: object) -> ssl.SSLContext:
        raise AssertionError("made during a call")

    async with a_raw_booking_system(says(BOOKING)) as system:
        async with SchedulingClient(a_configuration(system.url)) as client:
            monkeypatch.setattr("shared.scheduling.certificates.ssl_context", never)
            assert await client.get_booking_details(FACILITY, "B-1", a_context()) is not None
