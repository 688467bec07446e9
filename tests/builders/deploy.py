"""What `deploy/` holds, as the tests read it."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from shared.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ROLES = ("gateway", "availability", "booking")

VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::?-(?P<default>[^}]*))?\}")
"""A variable as the compose file names it, with what it is when nobody sets it."""

SETTINGS = frozenset(f"OMBOKA_{one.name.upper()}" for one in fields(Settings))


def setting_of(variable: str) -> str:
    """The setting that a variable of the environment gives, itself or by a file."""
    return variable.removesuffix("_FILE")


def compose() -> dict[str, Any]:
    """The compose file, its anchors resolved."""
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text(encoding="utf-8"))
    return content


def image_of(service: str) -> str:
    """The image that a service of the compose file runs in this environment."""
    image: str = compose()["services"][service]["image"]
    return VARIABLE.sub(lambda found: os.environ.get(found["name"]) or found["default"] or "", image)


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each Kubernetes object, with the name of its file."""
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if file.name != "kustomization.yaml":
            for content in yaml.safe_load_all(file.read_text(encoding="utf-8")):
                yield file.name, content


def required_by(role: str) -> set[str]:
    """The settings that a role's main module demands before it starts, by their variables."""
    source = {"deploy": "services/operations/deploy.py"}.get(role, f"services/{role}/main.py")
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "require"
    ]
    names = {f"OMBOKA_{argument.value.upper()}" for call in calls for argument in call.args}  # type: ignore[attr-defined]
    assert names, f"{source} demands nothing"
    return names


@dataclass(frozen=True)
class Metric:
    """A metric as the code declares it: its kind, its labels, and the names under which it is told."""

    name: str
    kind: str
    labels: frozenset[str]

    @property
    def told_as(self) -> frozenset[str]:
        """The names of its samples."""
        match self.kind:
            case "counter":
                return frozenset({f"{self.name}_total"})
            case "histogram":
                return frozenset(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
            case _:
                return frozenset({self.name})


_DECLARES = {
    "Counter": "counter",
    "Histogram": "histogram",
    "Gauge": "gauge",
    "Gauges": "gauge",
    "GaugeMetricFamily": "gauge",
}


def declared_metrics() -> dict[str, Metric]:
    """Every metric that the code declares, by the name that the code gives it."""
    found: dict[str, Metric] = {}
    for folder in ("services", "shared"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (metric := _declared_by(node)) is not None:
                    found[metric.name] = metric
    return found


def _declared_by(call: ast.Call) -> Metric | None:
    kind = _DECLARES.get(call.func.id) if isinstance(call.func, ast.Name) else None
    if kind is None or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    labels: Any = next((one.value for one in call.keywords if one.arg == "labels"), None)
    labels = labels or (call.args[2] if len(call.args) > 2 else None)
    given = ast.literal_eval(labels) if labels is not None else []
    return Metric(call.args[0].value, kind, frozenset([given] if isinstance(given, str) else given))


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_queries() -> list[str]:
    """Every expression of the dashboard, its range filled in."""
    panels = json.loads((DEPLOY / "grafana" / "omboka.json").read_text(encoding="utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [query.replace("$__range", "1h") for query in queries]


def documented(table: str) -> list[list[str]]:
    """The rows of the table of docs/operations.md that stands under a heading, cell by cell."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = re.split(rf"^#+ {re.escape(table)}$", text, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
