"""The Kubernetes base: valid by the API's own schemas, whole, confined, and true to the code that it runs."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from services import cli
from services.gateway.routes import ROUTES
from shared.observability.ops_server import serve_operations
from shared.settings import Settings, listen_address
from tests.builders.deploy import DEPLOY, ROLES, SETTINGS, manifests, required_by, setting_of

VERSION = "1.33"
OBJECTS = list(manifests())
MARGIN_SECONDS = 5


def objects(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by name."""
    return {one["metadata"]["name"]: one for _, one in OBJECTS if one["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """Each pod template, by the name of what runs in it."""
    templates = [one["spec"]["template"] for kind in ("Deployment", "Job") for one in objects(kind).values()]
    return {one["metadata"]["labels"]["app.kubernetes.io/name"]: one for one in templates}


def container(role: str) -> dict[str, Any]:
    """The one container of a pod."""
    (one,) = pods()[role]["spec"]["containers"]
    assert isinstance(one, dict)
    return one


def environment(role: str) -> dict[str, str]:
    """What a role's container finds in its environment."""
    one = container(role)
    found: dict[str, str] = {}
    for source in one.get("envFrom", []):
        found |= objects("ConfigMap")[source["configMapRef"]["name"]]["data"]
    return found | {variable["name"]: variable["value"] for variable in one["env"]}


PODS = ("deploy", *ROLES)


@pytest.mark.parametrize(
    ("file", "content"), OBJECTS, ids=[f"{one['kind']}-{one['metadata']['name']}" for _, one in OBJECTS]
)
def test_an_object_is_valid(file: str, content: dict[str, Any]) -> None:
    """By the published schema of its kind, with nothing in it that the schema doesn't know."""
    kubernetes_validate.validate(content, VERSION, strict=True)


def test_an_invalid_object_is_refused() -> None:
    """The schemas really look: a word that is written wrongly isn't let through."""
    wrong = {**objects("Deployment")["gateway"], "spce": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_kustomization_names_every_file() -> None:
    """No manifest is forgotten and none is missing; everything lies in the one namespace."""
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    there = {file.name for file in (DEPLOY / "kubernetes").iterdir()} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == there
    assert len(kustomization["resources"]) == len(there)
    assert kustomization["namespace"] in objects("Namespace")
    assert all("namespace" not in one["metadata"] for _, one in OBJECTS)


@pytest.mark.parametrize("role", PODS)
def test_a_pod_has_every_setting_that_its_role_demands(role: str) -> None:
    """Each variable is a setting that exists, and none that the role refuses to start without is absent."""
    given = {setting_of(name) for name in environment(role)}
    assert given <= SETTINGS
    demanded = required_by(role) | ({"OMBOKA_CONFIG"} if role in ROLES else set())
    assert demanded <= given


def test_the_gateway_can_check_tokens_and_has_no_development_key() -> None:
    """The issuer's keys are named; the key that can sign anybody in isn't."""
    names = set(environment("gateway"))
    assert "OMBOKA_AUTH_JWKS_URL" in names
    assert not names & {"OMBOKA_AUTH_KEY", "OMBOKA_AUTH_KEY_FILE"}


@pytest.mark.parametrize("role", PODS)
def test_an_image_and_its_command_exist(role: str) -> None:
    """Each image is one that the recipe makes, each command one that `omboka` knows."""
    one = container(role)
    built = one["image"].removeprefix("omboka-")
    assert (DEPLOY / "locks" / f"{built}.txt").is_file()
    with pytest.raises(SystemExit) as ended:
        cli.main([*one["args"], "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize("role", PODS)
def test_secrets_are_references_and_every_file_is_mounted(role: str) -> None:
    """No secret's value stands here; a file that a setting names lies where a secret is mounted."""
    assert not objects("Secret")
    pod, one = pods()[role]["spec"], container(role)
    mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts.keys() == volumes.keys()
    files = {value for name, value in environment(role).items() if name.endswith("_FILE")}
    assert files
    assert all(file.rpartition("/")[0] == mounts["secrets"] for file in files)
    assert volumes["secrets"].keys() & {"secret", "projected"}
    for name, value in environment(role).items():
        assert name.endswith("_FILE") or not any(word in name for word in ("KEYS", "_KEY", "BROKER", "DATABASE")), value


@pytest.mark.parametrize("role", ROLES)
async def test_probes_ask_what_is_answered(role: str) -> None:
    """Ports are those that the settings open, and paths those that the role serves."""
    settings, one = environment(role), container(role)
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    served = {"operations": {"/healthz", "/readyz", "/metrics"}, "http": {route.path for route in ROUTES}}  # type: ignore[attr-defined]
    assert ports["operations"] == listen_address(settings["OMBOKA_METRICS_LISTEN"])[1]
    if role == "gateway":
        assert ports["http"] == listen_address(settings["OMBOKA_LISTEN"])[1]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = one[probe]["httpGet"]
        assert asked["path"] in served[asked["port"]]
    assert one["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert one["livenessProbe"]["httpGet"]["path"] == "/healthz", "what is missing elsewhere is no reason to be killed"
    runner = await serve_operations("127.0.0.1", 0, {})
    try:
        routes = {route.get_info()["path"] for route in runner.app.router.resources()}
    finally:
        await runner.cleanup()
    assert routes == served["operations"]


@pytest.mark.parametrize("role", PODS)
def test_a_pod_is_confined(role: str) -> None:
    """Not root, nothing to gain, nothing writable but scratch, no token of the cluster's, bounded memory."""
    pod, one = pods()[role]["spec"], container(role)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
    assert "memory" in one["resources"]["limits"]
    written = {mount["name"] for mount in one["volumeMounts"] if not mount.get("readOnly")}
    assert written == {"scratch"}
    account = objects("ServiceAccount")[pod["serviceAccountName"]]
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("role", ROLES)
def test_a_pod_may_take_the_time_it_needs_to_drain(role: str) -> None:
    """Nobody is killed before the role has had its seconds, the hook's included."""
    drain = float(environment(role).get("OMBOKA_DRAIN_SECONDS", Settings().drain_seconds))
    hook = container(role).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert pods()[role]["spec"]["terminationGracePeriodSeconds"] >= drain + float(hook[1]) + MARGIN_SECONDS


def test_a_node_that_is_emptied_leaves_one_of_each_role() -> None:
    """A budget for each role, and at least two of each; what scales names what exists."""
    deployments = objects("Deployment")
    assert set(deployments) == set(ROLES) == set(objects("PodDisruptionBudget"))
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in objects("HorizontalPodAutoscaler").values()}
    for role, deployment in deployments.items():
        spec = deployment["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels
        assert objects("PodDisruptionBudget")[role]["spec"] == {"minAvailable": 1, "selector": {"matchLabels": labels}}
        # A count written here would undo the autoscaler's at each change.
        assert ("replicas" in spec) != (role in scaled)
        assert (scaled[role]["minReplicas"] if role in scaled else spec["replicas"]) >= 2
    (service,) = objects("Service").values()
    assert service["spec"]["selector"] == deployments["gateway"]["spec"]["selector"]["matchLabels"]


def test_nobody_may_speak_to_anybody_unless_it_is_written() -> None:
    """Everything is refused first; no role is reached by another, and only those with a ledger reach its database."""
    policies = objects("NetworkPolicy")
    nothing = policies["nothing-by-itself"]["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    reached = [rule for one in policies.values() for rule in one["spec"].get("ingress", [])]
    assert {port["port"] for rule in reached for port in rule["ports"]} == {8080, 9100}
    for rule in reached:
        assert all(set(peer) == {"namespaceSelector"} for peer in rule["from"]), "a pod of ours is let in to another"

    ports = {
        role: {port["port"] for rule in policies[role]["spec"]["egress"] for port in rule["ports"]} for role in PODS
    }
    database = {role for role in PODS if "OMBOKA_DATABASE_URL" in required_by(role)}
    assert {role for role in PODS if 5432 in ports[role]} == database
    assert {role for role in PODS if 443 in ports[role]} == set(ROLES)
    assert all(
        policies[role]["spec"]["podSelector"]["matchLabels"] == pods()[role]["metadata"]["labels"] for role in PODS
    )
