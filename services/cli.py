"""The `omboka` command: every role, and what an operator needs beside them.

Each command imports what it needs itself: a role's container holds no other's packages, and a container's health check,
which runs every few seconds, is to cost next to nothing.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from shared.configuration import Configuration

Run = Callable[[argparse.Namespace], int]

CANT_LISTEN = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
LONGEST_TOKEN_SECONDS = 24 * 3600
"""No gateway believes a token that lives longer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 a fault that is told, 2 a wrong call."""
    parsed = _parser().parse_args(arguments)
    run: Run = parsed.run
    try:
        return run(parsed)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        print(told, file=sys.stderr)
        return 1


def _told(error: Exception) -> str | None:
    """What keeps a command from its work, in words for whoever gave it; None for what nobody foresaw."""
    from shared.configuration import ConfigurationError
    from shared.ledger.port import LedgerUnavailable

    match error:
        case ConfigurationError():
            return str(error)
        case LedgerUnavailable():
            return f"omboka: {error}: is OMBOKA_DATABASE_URL right, and the database up?"
        case OSError() if error.errno in CANT_LISTEN:
            return f"omboka: can't listen: {error.strerror}; try another port"
        case _:
            return None


def _settings() -> Settings:
    return read_settings(os.environ)


def _configuration(settings: Settings) -> Configuration:
    settings.require("config")
    return _load(str(settings.config))


def _load(path: str) -> Configuration:
    from shared.configuration import load_configuration

    return load_configuration(path)


def _demo(arguments: argparse.Namespace) -> int:
    import asyncio

    from services.demo import run_demo

    return asyncio.run(run_demo(port=arguments.port))


def _all_in_one(arguments: argparse.Namespace) -> int:
    import asyncio

    from services.all_in_one import run_all_in_one

    configuration = _load(arguments.config)
    return asyncio.run(run_all_in_one(configuration, _settings(), config_path=arguments.config, port=arguments.port))


def _gateway(arguments: argparse.Namespace) -> int:
    from services.gateway.main import run

    settings = _settings()
    return run(_configuration(settings), settings)


def _availability(arguments: argparse.Namespace) -> int:
    from services.availability.main import run

    settings = _settings()
    return run(_configuration(settings), settings)


def _booking(arguments: argparse.Namespace) -> int:
    from services.booking.main import run

    settings = _settings()
    return run(_configuration(settings), settings)


def _simulator(arguments: argparse.Namespace) -> int:
    from services.simulator.main import run

    return run(_load(arguments.config), port=arguments.port)


def _deploy(arguments: argparse.Namespace) -> int:
    from services.operations.deploy import run

    return run(_settings(), check=arguments.check)


def _check(arguments: argparse.Namespace) -> int:
    import asyncio

    configuration = _load(arguments.file)
    from services.operations.check import look_live, remarks, simulator_faults

    faults = simulator_faults(configuration)
    if faults:
        print("\n".join(f"{arguments.file}: {fault}" for fault in faults), file=sys.stderr)
        return 1
    for remark in remarks(configuration):
        print(f"{arguments.file}: {remark}")
    count = len(configuration.facilities)
    print(f"{arguments.file}: in order: {count} facilities, {len(configuration.producers)} booking systems")
    return asyncio.run(look_live(configuration)) if arguments.live else 0


def _token(arguments: argparse.Namespace) -> int:
    from services.gateway.auth import sign_development_token
    from shared.contracts.identifiers import SubjectOfCareId
    from shared.contracts.model import Actor, ActorType

    settings = _settings()
    settings.require("auth_key")
    kind = ActorType(arguments.actor_type)
    if arguments.actor is not None:
        try:
            Actor(id=SubjectOfCareId(arguments.actor) if kind is not ActorType.AGENT else arguments.actor, type=kind)
        except ValueError:
            print(f"omboka: --actor isn't the id of a {kind.value}", file=sys.stderr)
            return 2
    print(
        sign_development_token(
            str(settings.auth_key),
            subject=arguments.subject,
            given_name=arguments.given_name,
            family_name=arguments.family_name,
            phone=arguments.phone,
            actor=arguments.actor,
            actor_type=arguments.actor_type,
            expires_in=arguments.expires,
            issuer=settings.auth_issuer,
            audience=settings.auth_audience,
        )
    )
    return 0


def _keys(arguments: argparse.Namespace) -> int:
    from services.operations.keys import new_keys

    for name, value in new_keys().items():
        print(f"OMBOKA_{name.upper()}={value}")
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from services.operations.prepare import run

    shares = Path(arguments.shares) if arguments.shares else None
    return run(
        Path(arguments.folder),
        simulator_url=arguments.simulator_url,
        shares=shares,
        demo_patients=arguments.demo_patients,
    )


def _health(arguments: argparse.Namespace) -> int:
    from services.operations.health import look

    return look(arguments.role, _settings())


def _audit(arguments: argparse.Namespace) -> int:
    from services.operations.audit import run

    return run(arguments.paths, _settings())


def _ledger(arguments: argparse.Namespace) -> int:
    from services.operations.ledger import run

    return run(arguments, _settings())


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("is not a port (0 to 65535)")
    return int(text)


def _subject(text: str) -> str:
    from shared.contracts.identifiers import SubjectOfCareId

    try:
        return SubjectOfCareId(text).reveal()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _lifetime(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LONGEST_TOKEN_SECONDS:
        raise argparse.ArgumentTypeError(f"is not a lifetime (1 to {LONGEST_TOKEN_SECONDS} seconds)")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omboka",
        description="Move healthcare appointments through the Swedish national service contracts for scheduling.",
        epilog="Settings are read from OMBOKA_* in the environment; each may also be given as OMBOKA_…_FILE.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    demo = add("demo", _demo, "Run everything in one process with simulated booking systems and demo patients.")
    demo.add_argument("--port", type=_port, default=8080, help="where to listen (default 8080)")

    one = add("all-in-one", _all_in_one, "Run gateway, availability and booking in one process, without servers.")
    one.add_argument("--config", required=True, metavar="FILE", help="the configuration file (YAML)")
    one.add_argument("--port", type=_port, help="where to listen (default: as OMBOKA_LISTEN says, else 8080)")

    add("gateway", _gateway, "Run the gateway: HTTP, WebSocket and pages.")
    add("availability", _availability, "Run an availability worker: look-ups at the booking systems.")
    add("booking", _booking, "Run a booking worker: the rebookings themselves.")

    simulator = add("simulator", _simulator, "Run simulated booking systems that speak the service contracts.")
    simulator.add_argument("--config", required=True, metavar="FILE", help="the configuration file (YAML)")
    simulator.add_argument("--port", type=_port, default=8090, help="where to listen (default 8090)")

    deploy = add("deploy", _deploy, "Migrate the database and declare the broker's queues; safe to run again.")
    deploy.add_argument("--check", action="store_true", help="change nothing; exit 1 if something is to be done")

    check = add("check", _check, "Check a configuration file; each fault by file, line and field.")
    check.add_argument("file", metavar="FILE")
    check.add_argument("--live", action="store_true", help="ping every booking system and the registry as well")

    token = add("token", _token, "Sign a token with the development key (OMBOKA_AUTH_KEY).")
    personal_number = "the patient's personal number, 12 characters"
    token.add_argument("--subject", required=True, type=_subject, metavar="PNR", help=personal_number)
    token.add_argument("--given-name", help="the patient's given name (needed to confirm a rebooking)")
    token.add_argument("--family-name", help="the patient's family name (needed to confirm a rebooking)")
    token.add_argument("--phone", help="the patient's phone number from their own settings")
    token.add_argument("--actor", metavar="ID", help="who acts for the patient: a personal number or an HSA-id")
    token.add_argument("--actor-type", choices=["subject_of_care", "subject_of_care_agent"], default="subject_of_care")
    lifetime = "seconds until it expires, at most a day's (default 300)"
    token.add_argument("--expires", type=_lifetime, default=300, metavar="S", help=lifetime)

    add("keys", _keys, "Make the keys that the settings need.")

    prepare = add("prepare", _prepare, "Write keys, and for a demo a configuration, into a folder that roles share.")
    prepare.add_argument("--folder", required=True, metavar="FOLDER")
    prepare.add_argument("--simulator-url", metavar="URL", help="write the demo's configuration for this simulator")
    prepare.add_argument("--shares", metavar="FOLDER", help="give each part what it needs, in a folder of its own here")
    entrance = "let anybody sign in as one of the demo's patients; without it, nobody may any more"
    prepare.add_argument("--demo-patients", action="store_true", help=entrance)

    health = add("health", _health, "Ask a role whether it is ready: for a container's health check.")
    health.add_argument("role", choices=["gateway", "availability", "booking", "simulator"])

    ledger = add("ledger", _ledger, "Look at rebookings as an operator, and resolve those that can't be proven.")
    actions = ledger.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the newest rebookings")
    listing.add_argument("--limit", type=int, default=50)
    show = actions.add_parser("show", help="one rebooking with its attempts and evidence")
    show.add_argument("id", help="the row's id or the rebooking's id")
    actions.add_parser("unresolved", help="rebookings whose outcome isn't known, oldest first")
    resolve = actions.add_parser("resolve", help="say what became of a rebooking that can't be proven")
    resolve.add_argument("id")
    resolve.add_argument("--as", dest="state", required=True, choices=["confirmed", "not_applied", "other_time"])
    resolve.add_argument("--reason", required=True, help="how you know; kept with the row")
    resolve.add_argument("--at", metavar="YYYY-MM-DDTHH:MM", help="other_time: the time that really holds")
    actions.add_parser("purge", help="erase what has been kept for as long as it may be")

    audit = add("audit", _audit, "Check that the record of who read and changed what stands as it was written.")
    checks = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = checks.add_parser("verify", help="find the first broken link of its chains, if there is one")
    verify.add_argument("paths", nargs="*", metavar="PATH", help="files or folders; - is standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
