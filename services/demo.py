"""The demo: everything in one process with simulated booking systems and demo patients; makes its own keys."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict

from services.all_in_one import running, told_to_end
from services.gateway.auth import sign_development_token
from services.gateway.demo_patients import DemoPatient
from services.operations.keys import new_keys
from services.simulator.app import serve
from services.simulator.demo import demo_configuration
from services.simulator.people import DEMO_PATIENTS, Patient
from shared.contracts.model import Identity
from shared.observability.logs import set_up_logs
from shared.settings import Settings

TOKEN_SECONDS = 12 * 3600


async def run_demo(*, port: int) -> int:
    """Run the demo until told to end; nothing of it is kept. Gives the exit code."""
    set_up_logs("WARNING")  # who tries the demo reads what it says, not a line for each click
    with tempfile.TemporaryDirectory(prefix="omboka-demo-") as folder:
        keys = new_keys()
        settings = Settings(
            database_url=f"sqlite:///{folder}/omboka.db",
            audit=f"{folder}/audit",
            data_keys=(keys["data_keys"],),
            hmac_key=keys["hmac_key"],
            session_key=keys["session_key"],
            auth_key=keys["auth_key"],
        )
        # The simulator only needs the paths of its addresses; where it listens is known when it does.
        simulator = await serve(demo_configuration("http://127.0.0.1:1"), "127.0.0.1", 0)
        simulator_url = f"http://127.0.0.1:{simulator.addresses[0][1]}"
        patients = tuple(identity_of(patient) for patient in DEMO_PATIENTS)
        try:
            async with running(
                demo_configuration(simulator_url), settings, port=port, demo_patients=patients
            ) as system:
                print(greeting(system.base_url, simulator_url, keys["auth_key"]), flush=True)
                await told_to_end()
        except OSError as error:
            print(f"omboka: can't listen at port {port}: {error.strerror}; try another with --port", file=sys.stderr)
            return 1
        finally:
            await simulator.cleanup()
    return 0


def identity_of(patient: Patient) -> Identity:
    """A demo patient as an identity that acts for itself."""
    return DemoPatient.model_validate(asdict(patient)).identity


def greeting(base_url: str, simulator_url: str, auth_key: str) -> str:
    """What the demo says when it is ready: where to go, and a token to try the interface with."""
    first = DEMO_PATIENTS[0]
    token = sign_development_token(
        auth_key,
        subject=first.subject,
        given_name=first.given_name,
        family_name=first.family_name,
        phone=first.phone,
        expires_in=TOKEN_SECONDS,
    )
    return (
        f"omboka: the demo runs at {base_url}\n"
        f"omboka: its booking systems are simulated at {simulator_url} (see {simulator_url}/_sim/patients)\n"
        f"omboka: to try the interface as {first.given_name} {first.family_name}:\n"
        f"export OMBOKA={base_url} TOKEN={token}\n"
        "omboka: Ctrl-C ends it"
    )
