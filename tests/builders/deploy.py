"""What `deploy/` holds, as the tests read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from shared.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ROLES = ("gateway", "availability", "booking")

SETTINGS = frozenset(f"OMBOKA_{one.name.upper()}" for one in fields(Settings))


def setting_of(variable: str) -> str:
    """The setting that a variable of the environment gives, itself or by a file."""
    return variable.removesuffix("_FILE")


def compose() -> dict[str, Any]:
    """The compose file, its anchors resolved."""
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text(encoding="utf-8"))
    return content


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
