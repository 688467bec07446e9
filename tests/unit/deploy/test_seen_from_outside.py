"""Dashboard and alerts speak of metrics that exist, with labels that they have; each alert leads to a runbook."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.builders.deploy import DEPLOY, ROOT, alerts, compose, dashboard_queries, declared_metrics

METRICS = declared_metrics()
BY_TOLD_NAME = {told: metric for metric in METRICS.values() for told in metric.told_as}
OF_PROMETHEUS = {"job", "instance", "le"}
OF_EVERY_PROCESS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in alerts()] + [(one, one) for one in dashboard_queries()]


def test_the_code_declares_metrics_and_each_is_ours() -> None:
    """All of them are found, and each says by its name whose it is."""
    assert len(METRICS) > 20
    assert all(name.startswith("omboka_") for name in METRICS)


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_an_expression_names_what_exists(name: str, expression: str) -> None:
    """Each metric is declared, under the very name in which it is told, and each label is one of its own."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    metrics = set(re.findall(r"\b(?:omboka|process)_\w+|\bup\b", bare))
    assert metrics
    assert metrics <= BY_TOLD_NAME.keys() | OF_EVERY_PROCESS
    known = set().union(*(BY_TOLD_NAME[one].labels for one in metrics if one in BY_TOLD_NAME)) | OF_PROMETHEUS
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", bare) for label in labels.split(",")}
    matched = {label for labels in re.findall(r"\{([^}]*)\}", bare) for label in re.findall(r"(\w+)\s*[=!]", labels)}
    assert grouped | matched <= known


def test_every_metric_is_on_the_dashboard() -> None:
    """What is counted can be seen."""
    shown = " ".join(dashboard_queries())
    for metric in METRICS.values():
        assert any(re.search(rf"\b{told}\b", shown) for told in metric.told_as), metric.name


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    """A severity, a summary, and a heading of the runbooks that is there."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        document, _, heading = rule["annotations"]["runbook"].partition("#")
        assert document == "docs/operations.md"
        assert heading in headings, rule["alert"]


def test_the_dashboard_is_whole() -> None:
    """Every panel has a place, a title and a source that is provisioned; none covers another."""
    dashboard = json.loads((DEPLOY / "grafana" / "omboka.json").read_text(encoding="utf-8"))
    panels: list[dict[str, Any]] = dashboard["panels"]
    source = (DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["title"]
        if panel["type"] != "row":
            assert f"uid: {panel['datasource']['uid']}" in source
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_compose_mounts_what_is_there() -> None:
    """Prometheus and Grafana read the very files of this folder, and are asked for by their profile alone."""
    for name in ("prometheus", "grafana"):
        service = compose()["services"][name]
        assert service["profiles"] == ["observability"]
        sources = [volume.split(":")[0] for volume in service["volumes"]]
        assert all((DEPLOY / source).exists() for source in sources if source.startswith("."))
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
