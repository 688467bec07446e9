"""`omboka prepare`: keys, passwords, addresses, and for a demo a configuration, in folders that containers share.

Everything is made once and kept, but for the demo's patients, who are there only while they are asked for. Each part
gets a folder of its own with what it needs and nothing else, so that a container finds no other's key or password.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from services.operations.broker_users import RIGHTS, definitions
from services.operations.keys import new_keys

BROKER, DATABASE = "rabbitmq:5672", "postgres/omboka"
"""Where the compose file has them."""

SHARES: dict[str, tuple[str, ...]] = {
    "gateway": ("data_keys", "hmac_key", "session_key", "auth_key", "broker_url", "database_url", "omboka.yaml"),
    "availability": ("data_keys", "hmac_key", "broker_url", "omboka.yaml"),
    "booking": ("data_keys", "hmac_key", "broker_url", "database_url", "omboka.yaml"),
    "deploy": ("broker_url", "database_url"),
    "simulator": ("omboka.yaml",),
    "rabbitmq": ("definitions.json",),
    "postgres": ("database_password",),
}
"""Which files each part gets, by the part's folder beneath the one of shares."""


def run(folder: Path, *, simulator_url: str | None, shares: Path | None = None, demo_patients: bool = False) -> int:
    """Write each key and password into a file of its own, and the demo's configuration for a simulator's address.

    With `shares`, each part's folder there gets what SHARES says. What is there already is kept. The file
    `demo_patients` is written each time: with the demo's patients if asked for, else empty. Gives the exit code 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in {**new_keys(), **_new_passwords()}.items():
        _keep(folder / name, value)
    if simulator_url is not None:
        from services.simulator.demo import demo_text

        _keep(folder / "omboka.yaml", demo_text(simulator_url))
    if shares is not None:
        _share(folder, shares)
    _put_patients(folder if shares is None else shares / "gateway", there=demo_patients)
    return 0


def _new_passwords() -> dict[str, str]:
    return {f"{name}_password": secrets.token_urlsafe(24) for name in (*RIGHTS, "database")}


def _share(folder: Path, shares: Path) -> None:
    made = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}
    made["definitions.json"] = definitions({user: made[f"{user}_password"] for user in RIGHTS})
    made["database_url"] = f"postgresql+psycopg://omboka:{made['database_password']}@{DATABASE}"
    for part, names in SHARES.items():
        own = dict(made)
        if part in RIGHTS:
            own["broker_url"] = f"amqp://{part}:{made[f'{part}_password']}@{BROKER}//"
        (shares / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            if name in own:
                _keep(shares / part / name, own[name])


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


def _put_patients(folder: Path, *, there: bool) -> None:
    text = ""
    if there:
        from services.simulator.demo import patients_text

        text = patients_text()
    new = folder / ".demo_patients"
    new.write_text(text, encoding="utf-8")
    # At once, so that a gateway that starts just now finds the old or the new, never the half of one.
    new.replace(folder / "demo_patients")
    print(f"omboka: {folder / 'demo_patients'} {'lets anybody in as a demo patient' if there else 'lets nobody in'}")
