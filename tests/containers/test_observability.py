"""Prometheus itself reads the compose stack: every process, every metric, every rule; and an alert that comes true."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.builders.deploy import DEPLOY, ROLES, alerts, dashboard_queries, declared_metrics, documented, image_of
from tests.containers.compose_project import Compose
from tests.containers.moving import client, come_to_timeslots, confirm
from tests.containers.watched import EVERYBODY, Watched, until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(300)]

PROMETHEUS = image_of("prometheus")


@pytest.fixture(scope="module")
def watched(compose: Compose) -> Watched:
    """The system and its Prometheus."""
    return Watched(compose)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def used(watched: Watched) -> Watched:
    """The system after a rebooking that Prometheus has seen."""
    async with client(watched.compose) as ws:
        await come_to_timeslots(ws)
        assert (await confirm(ws))["state"] == "confirmed"
    await until(lambda: bool(watched.value('omboka_rows{state="confirmed"} > 0')), "the outcome is counted")
    # A rate needs two looks.
    for counter in ("omboka_calls_total", "omboka_cache_look_ups_total", "omboka_gateway_commands_total"):
        await until(lambda counter=counter: bool(watched.value(f"rate({counter}[5m])")), f"{counter} is seen twice")
    return watched


async def test_every_process_is_found_and_read(watched: Watched) -> None:
    """Every gateway, every worker, the broker and Prometheus itself: by name, without being written down."""
    await until(lambda: watched.up() == EVERYBODY, "every process is read")
    targets = watched.ask("targets", state="active")["activeTargets"]
    assert {target["health"] for target in targets} == {"up"}


async def test_the_rules_are_loaded_and_can_be_worked_out(watched: Watched) -> None:
    """Every alert of the file, and none that Prometheus can't evaluate."""

    def rules() -> dict[str, str]:
        groups = watched.ask("rules", type="alert")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    await until(lambda: set(rules().values()) == {"ok"}, "the rules are worked out")
    assert set(rules()) == {rule["alert"] for rule in alerts()}


async def test_every_metric_is_told_by_the_roles_that_the_documentation_names(used: Watched) -> None:
    """The table of docs/operations.md, the code and the processes agree: names, kinds, labels and who tells them."""
    told: dict[str, dict[str, str]] = {role: {} for role in ROLES}
    for one in used.ask("targets/metadata"):
        if one["target"]["job"] in told:
            told[one["target"]["job"]][one["metric"]] = one["type"]
    declared = declared_metrics()
    for name, kind, _, roles, *_ in documented("Metrics"):
        metric = declared[name.strip("`")]
        for role in roles.split(", "):
            as_told = f"{metric.name}_total" if metric.kind == "counter" else metric.name
            assert told[role].get(as_told) == kind, f"{role} tells no {kind} {as_told}"
            for sample in metric.told_as:
                for series in used.value(f'{sample}{{job="{role}"}}'):
                    own = series["metric"].keys() - {"__name__", "job", "instance", "le"}
                    assert own == metric.labels


SILENT = ("no_answer", "stale", "!~", "5..", "late")


@pytest.mark.parametrize("query", dashboard_queries())
async def test_a_panel_shows_something(used: Watched, query: str) -> None:
    """Prometheus works each query of the dashboard out; all but those of failures that haven't been have an answer."""
    found = used.value(query)
    assert found or any(word in query for word in SILENT)


def test_the_public_address_tells_no_metrics(watched: Watched) -> None:
    """They are for operators, at each process's own port."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{watched.compose.url}/metrics", timeout=5)
    with refused.value as answer:
        assert answer.code == 404


# What makes each alert come true, and what doesn't: series by name, and for how many minutes they have been so.
UP = {f'up{{job="{role}", instance="a"}}': "1x30" for role in ROLES}
WELL = {
    **UP,
    'omboka_unresolved{state="unknown", age="older", instance="a"}': "0x30",
    'omboka_queue_messages{queue="booking"}': "0x30",
}
CALLS = 'omboka_calls_total{{producer="north", outcome="{}"}}'
REQUESTS = 'omboka_gateway_request_seconds_count{{route="/v1/me", status="{}"}}'
SLOW = 'omboka_call_seconds_bucket{{producer="north", le="{}"}}'
FIRES: dict[str, dict[str, str]] = {
    "OmbokaLateApply": {'omboka_late_applies_total{instance="a"}': "0 0 1x28"},
    "OmbokaConfirmedNotThere": {'omboka_confirmed_not_there_total{instance="a"}': "0 0 1x28"},
    "OmbokaRebookingNeedsAPerson": {'omboka_unresolved{state="manual", age="older", instance="a"}': "1x30"},
    "OmbokaUnresolvedForLong": {'omboka_unresolved_oldest_seconds{state="unknown"}': "3700x30"},
    "OmbokaLedgerOutOfReach": {'omboka_unresolved{state="unknown", age="older", instance="a"}': "_x30"},
    "OmbokaQueueGrows": {'omboka_queue_oldest_seconds{queue="look_up"}': "0+60x30"},
    "OmbokaNobodyTakesMessages": {'omboka_queue_consumers{queue="booking"}': "0x30"},
    "OmbokaDeadLetters": {'omboka_queue_messages{queue="booking.dead"}': "2x30"},
    "OmbokaBrokerOutOfReach": {'omboka_queue_messages{queue="booking"}': "_x30"},
    "OmbokaBookingSystemDown": {'omboka_breaker_state{producer="north", instance="a"}': "2x30"},
    "OmbokaBookingSystemFails": {CALLS.format("ok"): "0+60x30", CALLS.format("timed_out"): "0+60x30"},
    "OmbokaBookingSystemNotTrusted": {CALLS.format("ok"): "0+60x30", CALLS.format("not_trusted"): "_x20 3x10"},
    "OmbokaBookingSystemSlow": {
        SLOW.format("3"): "0+10x30",
        SLOW.format("5"): "0+60x30",
        SLOW.format("+Inf"): "0+60x30",
    },
    "OmbokaProcessDown": {'up{job="gateway", instance="b"}': "0x30"},
    "OmbokaNoGateway": {'up{job="gateway", instance="a"}': "_x30"},
    "OmbokaNoAvailability": {'up{job="availability", instance="a"}': "_x30"},
    "OmbokaNoBooking": {'up{job="booking", instance="a"}': "_x30"},
    "OmbokaGatewayFails": {REQUESTS.format("200"): "0+60x30", REQUESTS.format("503"): "0+6x30"},
    "OmbokaLookUpsWithoutAnswer": {"omboka_gateway_no_answer_total": "0+1x30"},
    "OmbokaPublishFails": {"omboka_gateway_publish_failed_total": "0+1x30"},
}


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Prometheus's own checker on this project's files and on a test's."""
    mounts = ["-v", f"{DEPLOY / 'prometheus'}:/etc/prometheus:ro", "-v", f"{folder}:/cases:ro"]
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "promtool",
        *mounts,
        PROMETHEUS,
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_prometheus_finds_nothing_wrong_with_its_files(tmp_path: Path) -> None:
    """The configuration and the rules, by its own checker."""
    done = promtool(tmp_path, "check", "config", "/etc/prometheus/prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


def test_each_alert_comes_true_by_its_own_cause_alone(tmp_path: Path) -> None:
    """One thing goes wrong at a time: that alert fires, and no other; and none while all is well."""
    names = [rule["alert"] for rule in alerts()]
    assert set(FIRES) == set(names)
    tests = []
    for cause, series in [("nothing", {}), *FIRES.items()]:
        inputs = [{"series": name, "values": values} for name, values in {**WELL, **series}.items()]
        tests.append(
            {
                "name": cause,
                "interval": "1m",
                "input_series": inputs,
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": "25m",
                        "exp_samples": [{"labels": f'{{alertname="{cause}"}}', "value": 1}] if series else [],
                    }
                ],
            }
        )
    content = {"rule_files": ["/etc/prometheus/alerts.yml"], "evaluation_interval": "1m", "tests": tests}
    tmp_path.chmod(0o755)
    (tmp_path / "alerts.test.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = promtool(tmp_path, "test", "rules", "/cases/alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


async def test_an_alert_comes_true_when_a_role_is_gone(used: Watched) -> None:
    """The last booking worker ends, and Prometheus says so."""
    used.compose.run("stop", "booking")
    try:

        def pending() -> set[str]:
            return {alert["labels"]["alertname"] for alert in used.ask("alerts")["alerts"]}

        await until(lambda: "OmbokaNoBooking" in pending(), "the missing role is told")
    finally:
        used.compose.up()
