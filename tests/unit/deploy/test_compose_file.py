"""The compose file: as confined as the Kubernetes base, its settings real, its parts all there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.builders.deploy import DEPLOY, ROLES, SETTINGS, VARIABLE, compose, required_by, setting_of

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = sorted(name for name, one in SERVICES.items() if "build" in one)
NOT_SETTINGS = {"OMBOKA_SIMULATOR_HOST"}


def test_every_part_of_the_house_is_there() -> None:
    """The roles, what they need, and the one that prepares it."""
    assert {*ROLES, "deploy", "prepare", "simulator", "nginx", "rabbitmq", "events", "cache", "postgres"} <= set(
        SERVICES
    )
    assert {*ROLES, "deploy", "prepare", "demo", "simulator"} == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_is_confined(name: str) -> None:
    """The image's own user, nothing writable, no capability, nothing to gain."""
    one = SERVICES[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in one
    assert "user" not in one
    assert "USER 10001:10001" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"deploy", "prepare", "demo"}))
def test_what_stays_is_healthy_and_comes_back(name: str) -> None:
    """Health is looked at, and a container that dies is started again."""
    one = SERVICES[name]
    assert one["restart"] == "unless-stopped"
    assert "build" in one or "test" in one["healthcheck"]  # our own images bring theirs


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nobodys_container_takes_the_whole_machine(name: str) -> None:
    """Memory and processors are bounded, of what others have made and of what only runs once as well."""
    one = SERVICES[name]
    assert re.fullmatch(r"\d+(m|g)", one["mem_limit"])
    assert one["cpus"] == "${OMBOKA_CPUS:-1}"


def test_what_the_event_log_forgets_leaves_the_disk() -> None:
    """Its file alone is kept, and it is rewritten long before Redis's own 64 MB."""
    options = SERVICES["events"]["command"][1:]
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert given["--appendonly"] == "yes"
    assert given["--auto-aof-rewrite-min-size"] == "1mb"
    assert given["--save"] == ""


def test_the_simulator_comes_back_as_it_was() -> None:
    """Its journal is on a volume of its own, which is the image's user's."""
    one = SERVICES["simulator"]
    file = one["environment"]["OMBOKA_SIMULATOR_JOURNAL"]
    (folder,) = (
        target for _, target, *_ in (volume.split(":") for volume in one["volumes"]) if file.startswith(target)
    )
    made = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(rf"chown -R 10001:10001 .*{folder}\b", made)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nobodys_container_gains_a_right(name: str) -> None:
    """Whoever gets into one, ours or another's, has there the rights of its process and no more."""
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_an_image_and_a_port_can_be_set(name: str) -> None:
    """For a registry of one's own, and for a machine where another has the port."""
    for text in (SERVICES[name]["image"], *SERVICES[name].get("ports", ())):
        assert VARIABLE.search(text), text


def test_every_variable_is_in_the_example() -> None:
    """`deploy/.env.example` names what the compose file reads and nothing else, with the file's own defaults."""
    file = (DEPLOY / "docker-compose.yml").read_text(encoding="utf-8")
    read = {found["name"]: found["default"] for found in VARIABLE.finditer(file)}
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    lines = re.findall(r"^(# )?(OMBOKA_\w+)=(.*?)(?: +#.*)?$", example, re.MULTILINE)
    assert {name for _, name, _ in lines} == set(read)
    assert {name: value for hidden, name, value in lines if not hidden} == {
        name: read[name] for hidden, name, _ in lines if not hidden
    }


@pytest.mark.parametrize("role", [*ROLES, "deploy"])
def test_a_role_has_every_setting_that_it_demands(role: str) -> None:
    """Each variable is a setting that exists, and none that the role refuses to start without is absent."""
    given = {setting_of(name) for name in SERVICES[role]["environment"]} - NOT_SETTINGS
    assert given <= SETTINGS
    assert required_by(role) | {"OMBOKA_CONFIG"} <= given | ({"OMBOKA_CONFIG"} if role == "deploy" else set())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_take_the_time_it_needs_to_drain(role: str) -> None:
    """Docker waits longer than the role may take."""
    assert int(SERVICES[role]["stop_grace_period"].removesuffix("s")) >= 48


def test_the_entrance_is_the_demos_alone() -> None:
    """Only a service of the profile `demo` asks for patients; `prepare`, which every `up` runs, empties the list."""
    asking = {name for name, one in SERVICES.items() if "--demo-patients" in one.get("command", ())}
    assert asking == {"demo"}
    assert SERVICES["demo"]["profiles"] == ["demo"]
    assert SERVICES["demo"]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
    assert "profiles" not in SERVICES["prepare"]
    assert SERVICES["gateway"]["environment"]["OMBOKA_DEMO_PATIENTS_FILE"] == "/prepared/demo_patients"
    assert SERVICES["gateway"]["depends_on"]["demo"] == {
        "condition": "service_completed_successfully",
        "required": False,
    }
