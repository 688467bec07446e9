"""What docs/operations.md says of settings, metrics and secrets is what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.configuration import Configuration, Simulator
from shared.settings import Settings
from tests.builders.deploy import DEPLOY, ROLES, ROOT, declared_metrics, documented, required_by

DEFAULTS: dict[str, Any] = {one.name: one.default for one in fields(Settings)}


def test_every_setting_is_told_with_its_default() -> None:
    """No setting is missing, none is told that there isn't, each default is the real one."""
    rows = {name.strip("`").lower(): default.strip("`") for name, default, *_ in documented("Settings")}
    assert rows.keys() == DEFAULTS.keys()
    for name, told in rows.items():
        expected = {"–": None, "none": ()}.get(told, told)
        default = DEFAULTS[name]
        # Where there may be several, none and no value are the same.
        assert expected == (str(default) if isinstance(default, str | int | float) else expected), name
        assert (expected in (None, ())) == (default in (None, ())), name


def configured(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field of the configuration file by its whole name; one of a booking system or a facility has a star."""
    for name, one in model.model_fields.items():
        kinds = [kind for kind in (one.annotation, *get_args(one.annotation)) if isinstance(kind, type)]
        below = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
        if below is None:
            yield before + name, one
        elif below is not Simulator:
            yield from configured(below, f"{before}{name}." + ("*." if get_origin(one.annotation) is dict else ""))


def test_every_field_of_the_configuration_is_told_with_its_default() -> None:
    """By what the roles themselves read; a facility's id is its key in the file."""
    rows = {name.strip("`"): default.strip("`") for name, default, *_ in documented("The configuration file")}
    there = dict(configured(Configuration))
    del there["facilities.*.id"]
    assert rows.keys() == there.keys()
    for name, one in there.items():
        default = one.get_default(call_default_factory=True)
        if one.is_required():
            assert rows[name] == "needed", name
        elif default is None:
            assert rows[name] == "–", name
        elif default in ((), ""):
            assert rows[name] == "none", name
        elif isinstance(default, tuple):
            assert rows[name] == ", ".join(str(value) for value in default), name
        elif isinstance(default, bool):
            assert rows[name] == str(default).lower(), name
        elif isinstance(default, str):
            assert rows[name] == default, name
        else:
            assert float(rows[name]) == default, name


@pytest.mark.parametrize("role", [*ROLES, "deploy"])
def test_what_a_role_needs_is_told(role: str) -> None:
    """By what the role itself demands before it starts."""
    told = {
        f"OMBOKA_{name.strip('`')}"
        for name, _, needed_by, *_ in documented("Settings")
        if role in needed_by.split(", ")
    }
    assert told == required_by(role) | ({"OMBOKA_CONFIG"} if role in ROLES else set())


def test_every_metric_is_told_with_its_kind_and_labels() -> None:
    """By what the code declares; who tells it is seen where the roles really run."""
    rows = {name.strip("`"): (kind, labels) for name, kind, labels, *_ in documented("Metrics")}
    declared = {one.name: (one.kind, one.labels) for one in declared_metrics().values()}
    assert {
        name: (kind, frozenset(filter(None, labels.split(", ")))) for name, (kind, labels) in rows.items()
    } == declared
    assert all(set(roles.split(", ")) <= set(ROLES) for *_, roles, _ in documented("Metrics"))


def test_every_row_of_the_dashboard_is_told() -> None:
    """In the order in which it stands there."""
    panels = json.loads((DEPLOY / "grafana" / "omboka.json").read_text(encoding="utf-8"))["panels"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert [name for name, *_ in documented("The dashboard")] == rows


def test_every_secret_of_the_kubernetes_base_is_told() -> None:
    """Each file that a setting is read from is a key of the secret that is told for its role."""
    told = {name: set(keys.split(" (")[0].replace("`", "").split(", ")) for name, keys in documented("Kubernetes")}
    for role in (*ROLES, "deploy"):
        text = (DEPLOY / "kubernetes" / f"{role}.yaml").read_text(encoding="utf-8")
        template = next(one for one in yaml.safe_load_all(text) if one["kind"] in ("Deployment", "Job"))["spec"][
            "template"
        ]
        (container,) = template["spec"]["containers"]
        files = {one["value"].rpartition("/")[2] for one in container["env"] if one["name"].endswith("_FILE")}
        shared = files & told["omboka-keys"]
        assert files - shared == told[f"omboka-{role}"]


def test_every_alert_is_spoken_of_in_a_runbook() -> None:
    """A runbook that is reached by an alert names it."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["alert"].removeprefix("Omboka") in text, rule["alert"]
