"""deploy/kubernetes without a cluster: its schemas, and the rules that the portal's processes need."""

from typing import Any

import kubernetes_validate
import pytest

from config.processes.health import PROBES
from metrics.worker_endpoint import PATH
from tests.deploy.files import kubernetes
from tests.run import setting_names

VERSION = "1.33"
OBJECTS = kubernetes()
# Of the Prometheus operator: its schema is not that of Kubernetes.
OPERATORS = {"ServiceMonitor", "PodMonitor"}


def name_of(found: dict[str, Any]) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def find(kind: str, name: str) -> dict[str, Any]:
    (found,) = [found for found in OBJECTS if name_of(found) == f"{kind} {name}"]
    return found


def pods() -> list[dict[str, Any]]:
    return [found["spec"]["template"]["spec"] for found in OBJECTS if "template" in found.get("spec", {})]


def containers() -> list[dict[str, Any]]:
    return [found for pod in pods() for found in [*pod.get("initContainers", []), *pod["containers"]]]


@pytest.mark.parametrize("found", [found for found in OBJECTS if found["kind"] not in OPERATORS], ids=name_of)
def test_an_object_keeps_to_its_schema(found: dict[str, Any]) -> None:
    kubernetes_validate.validate(found, VERSION, strict=True)


def test_pods_are_as_restricted_as_their_namespace_wants() -> None:
    """The rules of the standard `restricted`, which the namespace enforces."""
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_there_is_never_more_than_one_beat() -> None:
    spec = find("Deployment", "portal-beat")["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "HorizontalPodAutoscaler portal-beat" not in map(name_of, OBJECTS)


@pytest.mark.parametrize("name", ["portal-web", "portal-worker"])
def test_what_may_be_many_grows_and_is_never_gone(name: str) -> None:
    scaler = find("HorizontalPodAutoscaler", name)["spec"]

    assert scaler["scaleTargetRef"]["name"] == name
    assert scaler["minReplicas"] >= 2
    assert find("PodDisruptionBudget", name)["spec"]["minAvailable"] == 1
    # The autoscaler decides on their number, and an apply must not take it back.
    assert "replicas" not in find("Deployment", name)["spec"]


def test_probes_ask_what_the_portal_serves() -> None:
    (web,) = find("Deployment", "portal-web")["spec"]["template"]["spec"]["containers"]
    paths = {name: web[name]["httpGet"]["path"] for name in web if name.endswith("Probe")}

    assert paths == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz?check=migrations",
    }
    assert "migrations" in PROBES


def test_selectors_find_the_pods() -> None:
    labels = [
        find("Deployment", f"portal-{part}")["spec"]["template"]["metadata"]["labels"]
        for part in ("web", "worker")
    ]
    for found in OBJECTS:
        wanted = found.get("spec", {}).get("selector", {})
        wanted = wanted.get("matchLabels", wanted)
        if found["kind"] in {"Service", "PodDisruptionBudget", *OPERATORS}:
            assert wanted in labels, name_of(found)


def test_the_monitor_names_the_port_and_the_job_that_rules_know() -> None:
    (endpoint,) = find("ServiceMonitor", "portal")["spec"]["endpoints"]
    (port,) = find("Service", "portal-web")["spec"]["ports"]
    secret = find("Secret", "portal")["stringData"]

    assert endpoint["port"] == port["name"]
    assert endpoint["authorization"]["credentials"]["key"] in secret
    assert {"targetLabel": "job", "replacement": "portal"} in endpoint["relabelings"]


def test_workers_are_asked_on_the_port_on_which_they_show_their_metrics() -> None:
    template = find("Deployment", "portal-worker")["spec"]["template"]
    (worker,) = template["spec"]["containers"]
    (port,) = worker["ports"]
    (endpoint,) = find("PodMonitor", "portal-worker")["spec"]["podMetricsEndpoints"]
    (web,) = find("ServiceMonitor", "portal")["spec"]["endpoints"]

    assert {"name": "WORKER_METRICS_PORT", "value": str(port["containerPort"])} in worker["env"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    assert endpoint["port"] == port["name"]
    assert endpoint["path"] == template["metadata"]["annotations"]["prometheus.io/path"] == PATH
    assert endpoint["authorization"] == web["authorization"]
    # PortalDown watches the job of the web servers.
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "portal-worker"}]


def test_every_setting_exists_and_every_secret_is_mounted() -> None:
    data = find("ConfigMap", "portal")["data"]
    secrets = find("Secret", "portal")["stringData"]
    files = {name: value for name, value in data.items() if name.endswith("_FILE")}

    assert {name.removesuffix("_FILE") for name in data} - setting_names() == set()
    assert {value.removeprefix("/run/secrets/portal/") for value in files.values()} == set(secrets)
