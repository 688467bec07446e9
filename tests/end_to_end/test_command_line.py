"""The `omboka` command, run as an operator runs it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer, unused_port
from sqlalchemy import update

from services.cli import main
from services.operations.keys import new_keys
from services.simulator.app import make_app
from shared.clock import SystemClock
from shared.contracts.sections import OutcomeState
from shared.ledger.tables import rebooking_row
from shared.sealing import Sealer
from tests.builders.booking import SagaUnderTest, a_booking
from tests.end_to_end.stacks import ALMBY, LINDANGEN, Stack, a_configuration, embedded

ROOT = Path(__file__).parents[2]


async def omboka(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end; gives its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *arguments,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def a_file(folder: Path) -> AsyncIterator[tuple[Path, str]]:
    """A configuration file that names running booking systems, and their address."""
    simulator = TestServer(make_app(a_configuration("http://127.0.0.1:1")))
    await simulator.start_server()
    url = str(simulator.make_url("")).rstrip("/")
    file = folder / "omboka.yaml"
    content: dict[str, Any] = a_configuration(url).model_dump(mode="json", exclude_none=True)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        yield file, url
    finally:
        await simulator.close()


async def test_all_in_one_moves_a_booking_at_the_systems_of_a_file(tmp_path: Path) -> None:
    """One process against the booking systems that FILE names; it logs as the roles do; SIGTERM ends it well."""
    keys = {f"OMBOKA_{name.upper()}": value for name, value in new_keys().items()}
    port = unused_port()
    log = tmp_path / "log"
    async with a_file(tmp_path) as (file, url):
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "services.cli", "all-in-one", "--config", str(file)),
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "OMBOKA_LISTEN": f"127.0.0.1:{port}", **keys},
                stdout=asyncio.subprocess.PIPE,
                stderr=errors.fileno(),
            )
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), 30)
        assert said == f"omboka: listening at http://127.0.0.1:{port}\n".encode()
        stack = Stack(f"http://127.0.0.1:{port}", url, keys["OMBOKA_AUTH_KEY"], a_configuration(url), SystemClock())
        async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, "1HZ5-0100001") as rebooking:
            await rebooking.go_to_days()
            await rebooking.go_to_summary()
            assert (await rebooking.confirm())["state"] == "confirmed"
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert (tmp_path / "omboka.db").is_file()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {"omboka.access", "omboka.calls"} <= {line["logger"] for line in lines}


async def test_a_token_that_the_command_signs_is_taken(tmp_path: Path) -> None:
    """By a gateway with the same key, for the patient that was named, with the names, until the time that was said."""
    async with embedded(tmp_path, start=dt.datetime.now(dt.UTC)) as stack:
        arguments = ("--subject", "191212121212", "--given-name", "Tolvan", "--family-name", "Tolvansson")
        code, out, err = await omboka("token", *arguments, "--expires", "3600", OMBOKA_AUTH_KEY=stack.auth_key)
        assert (code, err) == (0, "")
        for token, status in ((out.strip(), 200), (out.strip()[:-4] + "AAAA", 401)):
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{stack.base_url}/v1/me", headers=headers) as answer:
                    assert answer.status == status
                    me = await answer.json(content_type=None)
                    if status == 200:
                        assert (me["name"], me["masked_subject"]) == ("Tolvan Tolvansson", "19121212-****")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--subject", "19121212121"), "argument --subject: is not a subject of care id"),
        (("--subject", "191212121212", "--expires", "0"), "argument --expires: is not a lifetime"),
        (("--subject", "191212121212", "--expires", "86401"), "argument --expires: is not a lifetime"),
        (("--subject", "191212121212", "--actor", "SE1-A"), "--actor isn't the id of a subject_of_care"),
        (
            ("--subject", "191212121212", "--actor", "SE 1", "--actor-type", "subject_of_care_agent"),
            "--actor isn't the id of a subject_of_care_agent",
        ),
    ],
)
def test_a_token_that_nobody_would_take_is_not_signed(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is named, without the personal number, and the exit code is a wrong call's."""
    monkeypatch.setenv("OMBOKA_AUTH_KEY", "k" * 32)
    try:
        code = main(["token", *arguments])
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]  # argparse ends with a number
    shown = capsys.readouterr()
    assert code == 2
    assert says in shown.err
    assert shown.out == ""
    assert "19121212121" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "database_url", "says"),
    [
        (("all-in-one", "--port", "{taken}"), None, "omboka: can't listen: "),
        (("simulator", "--port", "{taken}"), None, "omboka: can't listen: "),
        (("all-in-one",), "nonsense", "the address of the ledger's database can't be used: is OMBOKA_DATABASE_URL"),
        (("all-in-one",), "postgres://u:hemligt@h/d", "the address of the ledger's database can't be used"),
        (("all-in-one",), "sqlite:////nowhere/at/all.db", "the ledger's database failed"),
    ],
)
async def test_what_keeps_a_role_from_starting_is_told_in_a_sentence(
    arguments: tuple[str, ...], database_url: str | None, says: str, tmp_path: Path
) -> None:
    """Exit code 1, one line, no traceback, no password."""
    keys = {f"OMBOKA_{name.upper()}": value for name, value in new_keys().items()}
    settings = keys | ({"OMBOKA_DATABASE_URL": database_url} if database_url else {})
    async with a_file(tmp_path) as (file, url):
        role, *others = (one.format(taken=url.rpartition(":")[2]) for one in arguments)
        code, _, err = await omboka(role, "--config", str(file), *others, **settings)
    assert code == 1
    assert says in err
    assert "Traceback" not in err
    assert "hemligt" not in err


async def test_a_live_check_says_what_each_facility_supports(tmp_path: Path) -> None:
    """Every system is pinged and the registry asked; one that doesn't answer makes the exit code 1."""
    async with a_file(tmp_path) as (file, url):
        code, out, _ = await omboka("check", str(file), "--live")
        assert code == 0
        assert "2 booking systems, so its times can't be rebooked here: not asked" in out
        assert (
            f"{LINDANGEN} Vårdcentralen Lindängen: answers (1.0); rebooking, other facilities, choice of person" in out
        )
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{url}/_sim/mishaps/*/PingForConfiguration", json={"kind": "fault"}) as answer,
        ):
            assert answer.status == 200
        code, out, _ = await omboka("check", str(file), "--live")
        assert code == 1
        assert "DOES NOT ANSWER" in out


async def test_a_faulty_file_is_told_by_file_line_and_field(tmp_path: Path) -> None:
    """Exit code 1, and no traceback."""
    file = tmp_path / "bad.yaml"
    file.write_text("producers: {}\nfacilities:\n  SE1-A: {name: X}\n", encoding="utf-8")
    code, _, err = await omboka("check", str(file))
    assert code == 1
    assert err.startswith(f"{file}:3: facilities.SE1-A.phone: Field required")
    assert "Traceback" not in err


async def test_faults_of_the_simulated_systems_are_told_by_field(tmp_path: Path) -> None:
    """Exit code 1, all faults of `simulator:` at once, each by its field; what was given isn't repeated."""
    content = a_configuration("http://127.0.0.1:1").model_dump(mode="json", exclude_none=True)
    content["simulator"]["profiles"][LINDANGEN] = {"kind": "hemligt", "free": 2}
    content["simulator"]["profiles"]["SE1-NOBODY"] = {}
    content["simulator"]["profiles"][ALMBY] = {"without": ["UpdateBokning"]}
    content["simulator"]["mishaps"] = [{"kind": "slow", "contract": "Update"}, {"kind": "explodes"}]
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    code, out, err = await omboka("check", str(file))
    assert (code, out) == (1, "")
    told = [line.removeprefix(f"{file}: simulator.") for line in err.splitlines()]
    assert all(not line.startswith(str(file)) for line in told)
    places = {line.partition(": ")[0] for line in told}
    assert {
        f"profiles.{LINDANGEN}.kind",
        f"profiles.{LINDANGEN}.free",
        "profiles.SE1-NOBODY",
        f"profiles.{ALMBY}.without",
    } <= places
    assert {".".join(place.split(".")[:2]) for place in places} >= {"mishaps.0", "mishaps.1"}
    assert "hemligt" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("role", ["gateway", "availability", "booking", "all-in-one"])
async def test_a_role_refuses_to_start_without_its_keys(role: str, tmp_path: Path) -> None:
    """It says which settings are missing and how to make them."""
    async with a_file(tmp_path) as (file, _):
        named = ("--config", str(file)) if role == "all-in-one" else ()
        code, _, err = await omboka(role, *named, OMBOKA_CONFIG=str(file))
    assert code == 1
    assert "OMBOKA_DATA_KEYS is not set" in err
    assert "omboka keys" in err
    assert "Traceback" not in err


async def test_the_keys_that_the_command_makes_are_good(tmp_path: Path) -> None:
    """What `omboka keys` prints is an environment in which all-in-one's settings are complete."""
    code, out, _ = await omboka("keys")
    assert code == 0
    names = [line.partition("=")[0] for line in out.splitlines()]
    assert names == ["OMBOKA_DATA_KEYS", "OMBOKA_HMAC_KEY", "OMBOKA_SESSION_KEY", "OMBOKA_AUTH_KEY"]


async def test_an_empty_ledger_is_listed(tmp_path: Path) -> None:
    """`omboka ledger` speaks of rows alone; an id that isn't there is told with exit code 1."""
    keys = {f"OMBOKA_{name.upper()}": value for name, value in new_keys().items()}
    url = f"sqlite:///{tmp_path}/omboka.db"
    from shared.ledger.migrate import migrate

    migrate(url)
    code, out, _ = await omboka("ledger", "unresolved", OMBOKA_DATABASE_URL=url, **keys)
    assert code == 0
    assert "(none)" in out
    code, _, err = await omboka("ledger", "show", "nobody", OMBOKA_DATABASE_URL=url, **keys)
    assert code == 1
    assert "there is no rebooking nobody" in err


RESOLVED = [
    ("confirmed", (), "2026-02-10", "10:00"),
    ("other_time", ("--at", "2026-03-01T08:00"), "2026-03-01", "08:00"),
    ("not_applied", (), None, None),
]


@pytest.mark.parametrize(("state", "more", "date", "start"), RESOLVED, ids=lambda one: str(one))
async def test_a_rebooking_that_needs_a_person_is_resolved_by_hand(
    tmp_path: Path, state: str, more: tuple[str, ...], date: str | None, start: str | None
) -> None:
    """Listed, shown, resolved once, with the time that holds told to the patient; who did it is in the audit log."""
    made = new_keys()
    saga = SagaUnderTest(tmp_path, sealer=Sealer([made["data_keys"]], made["hmac_key"]))
    saga.schedule = replace(saga.schedule, give_up=900.0)
    saga.sagas.append(saga.a_worker("later"))
    saga.system.mishap, accepted = "lost", await saga.accept()
    await saga.step(accepted.row_id)
    saga.system.silent_until = 1e9
    assert (await saga.run(accepted, seconds=8_000, worker=2)).state is OutcomeState.MANUAL
    saga.close()
    environment = {f"OMBOKA_{name.upper()}": value for name, value in made.items()}
    environment |= {"OMBOKA_DATABASE_URL": str(saga.ledger.engine.url), "OMBOKA_AUDIT": str(tmp_path / "audit")}

    async def ledger(*arguments: str) -> tuple[int, str, str]:
        return await omboka("ledger", *arguments, **environment)

    for listed in ("list", "unresolved"):
        assert accepted.row_id in (await ledger(listed))[1]
    code, out, _ = await ledger("show", accepted.row_id)
    shown = json.loads(out)
    assert (shown["state"], [one["proves"] for one in shown["attempts"]]) == ("manual", ["ambiguous"])
    assert (shown["booking_id"], shown["new_booking_id"]) == ("B1", None), "what a facility is phoned about"
    assert "Tolvan" not in out
    because = ("--reason", "spoke to the facility")
    wrong = () if more else ("--at", "2026-03-01T08:00")
    code, _, err = await ledger("resolve", accepted.row_id, "--as", state, *because, *wrong)
    assert (code, "--at says which time really holds" in err) == (2, True)
    code, out, err = await ledger("resolve", accepted.row_id, "--as", state, *because, *more)
    assert (code, err) == (0, "")
    code, _, err = await ledger("resolve", accepted.row_id, "--as", state, *because, *more)
    assert (code, "only a row in manual" in err) == (1, True)
    told = saga.outcome(accepted)
    heading = told.summary.heading if told.summary else None
    assert (told.state.value, heading and heading.date, heading and heading.start) == (state, date, start)
    saga.ledger.close()
    entries = [json.loads(line) for file in (tmp_path / "audit").iterdir() for line in file.read_text().splitlines()]
    acts = [
        one["outcome"]
        for one in entries
        if one.get("of") == accepted.row_id and one["act"] == f"ledger resolve {state}"
    ]
    assert sorted(acts) == ["asked", "asked", "asked", "done", "refused", "refused"]


async def test_what_has_been_kept_for_long_enough_is_erased(tmp_path: Path) -> None:
    """`omboka ledger purge`: the personal part after thirty days, the row after a year; what is open stays as it is."""
    made = new_keys()
    saga = SagaUnderTest(tmp_path, sealer=Sealer([made["data_keys"]], made["hmac_key"]))
    now, day = time.time(), 24 * 3600.0
    rows = {}
    for name, ended_at in (("a year", now - 366 * day), ("a month", now - 31 * day), ("a day", now - day)):
        rows[name] = (await saga.accept()).row_id
        await saga.step(rows[name])
        with saga.ledger.engine.begin() as connection:
            connection.execute(update(rebooking_row).where(rebooking_row.c.id == rows[name]).values(ended_at=ended_at))
        saga.system.booking = a_booking()
    rows["open"] = (await saga.accept()).row_id
    saga.close()
    environment = {f"OMBOKA_{name.upper()}": value for name, value in made.items()}
    environment |= {"OMBOKA_DATABASE_URL": str(saga.ledger.engine.url), "OMBOKA_AUDIT": str(tmp_path / "audit")}
    code, out, err = await omboka("ledger", "purge", **environment)
    assert (code, err) == (0, "")
    assert out == "erased the personal part of 2 rebookings and 1 rows\n"
    left = {
        name: (saga.ledger.show(row_id) is not None, saga.ledger.sealed(row_id) is not None)
        for name, row_id in rows.items()
    }
    assert left == {"a year": (False, False), "a month": (True, False), "a day": (True, True), "open": (True, True)}
    saga.ledger.close()
    entries = [json.loads(line) for file in (tmp_path / "audit").iterdir() for line in file.read_text().splitlines()]
    acts = [(one["act"], one["outcome"]) for one in entries if one.get("act") == "ledger purge"]
    assert acts == [("ledger purge", "asked"), ("ledger purge", "done")]


def test_a_health_check_costs_next_to_nothing() -> None:
    """It runs in every container every few seconds: neither a configuration nor an event loop is loaded for it."""
    program = """
import sys
from services import cli
assert cli.main(["health", "gateway"]) == 1
heavy = {"pydantic", "asyncio", "aiohttp", "celery", "yaml", "sqlalchemy"} & set(sys.modules)
assert not heavy, heavy
"""
    environment = {**os.environ, "OMBOKA_LISTEN": f"127.0.0.1:{unused_port()}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
