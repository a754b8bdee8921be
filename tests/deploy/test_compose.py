"""deploy/compose.yaml without a container engine: its schema, and what its parts say of each other."""

import json
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest

from config import env
from config.processes.health import PROBES
from metrics.worker_endpoint import PATH
from tests.deploy.files import DEPLOY, compose, read_yaml
from tests.run import setting_names

SERVICES = compose()["services"]
# Those of the portal itself.
PORTAL = {"migrate", "web", "worker", "beat"}
# Their images have no shell and no program that could ask them.
BARE = {"collector", "tempo", "loki"}
ENDING = {"migrate", "prepare"}


def test_it_keeps_to_the_schema_of_compose_files() -> None:
    spec = find_spec("check_jsonschema")
    assert spec is not None
    vendor = Path(str(spec.origin)).parent / "builtin_schemas" / "vendor"
    schema = json.loads((vendor / "compose-spec.json").read_text(encoding="utf-8"))

    jsonschema.validate(compose(), schema)


def test_all_services_are_there() -> None:
    monitoring = {"collector", "tempo", "prometheus", "alertmanager", "loki", "grafana"}

    assert set(SERVICES) == PORTAL | monitoring | {"postgres", "redis", "prepare"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_may_do_nothing_that_it_need_not(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert service["restart"] == ("no" if name in ENDING else "unless-stopped")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - PORTAL - {"prepare"}))
def test_a_foreign_image_runs_as_another_user_and_its_version_is_pinned(name: str) -> None:
    service = SERVICES[name]

    assert service["user"].partition(":")[0] not in {"", "0", "root"}
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", service["image"])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ENDING - BARE - {"web"}))
def test_a_service_has_a_check_of_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_what_has_no_check_says_so() -> None:
    disabled = {name for name, service in SERVICES.items() if service.get("healthcheck", {}).get("disable")}

    assert disabled == BARE | ENDING


def test_the_schema_is_there_before_anything_runs_on_it() -> None:
    waits = {name: SERVICES[name]["depends_on"].get("migrate") for name in ("web", "worker", "beat")}

    assert set(map(str, waits.values())) == {"{'condition': 'service_completed_successfully'}"}


def test_there_is_one_beat() -> None:
    assert SERVICES["beat"]["deploy"]["replicas"] == 1
    assert SERVICES["beat"]["healthcheck"]["test"][-1] in PROBES


def test_ports_are_open_on_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_setting_exists() -> None:
    given = {name.removesuffix("_FILE") for name in SERVICES["worker"]["environment"]}

    assert given - setting_names() == set()


def test_every_volume_secret_and_network_is_declared_and_used() -> None:
    used = {
        kind: {
            str(entry).partition(":")[0]
            for service in SERVICES.values()
            for entry in service.get(kind, [])
            if not str(entry).startswith(".")
        }
        for kind in ("volumes", "secrets", "networks")
    }

    assert used == {kind: set(compose()[kind]) for kind in used}


def test_every_file_that_is_mounted_is_in_the_folder() -> None:
    """Dashboards, rules and the configuration of Alertmanager are written by commands of the portal."""
    mounted = {
        str(entry).partition(":")[0]
        for service in SERVICES.values()
        for entry in service.get("volumes", [])
        if str(entry).startswith(".")
    }

    assert {name for name in mounted if not (DEPLOY / name).exists()} == set()


@pytest.fixture
def written_secrets(tmp_path: Path) -> Path:
    script = tmp_path / "make-secrets"
    script.write_text((DEPLOY / "make-secrets").read_text())
    for _ in range(2):
        subprocess.run(["sh", script], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_all_secrets_are_made_and_only_their_owner_finds_them(written_secrets: Path) -> None:
    declared = {Path(secret["file"]).name for secret in compose()["secrets"].values()}

    assert {path.name for path in written_secrets.iterdir()} == declared
    assert written_secrets.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o777 for path in written_secrets.iterdir()} == {0o444}


def test_the_database_and_the_portal_have_the_same_password(
    written_secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "SECRET_KEY_FILE", str(written_secrets / "secret_key"))
    password = (written_secrets / "postgres_password").read_text()

    assert len(password) == len(env.text("SECRET_KEY")) == 64
    assert (written_secrets / "database_url").read_text() == (
        f"postgresql://portal:{password}@postgres/portal"
    )


def test_prometheus_and_alertmanager_find_what_they_name() -> None:
    """Hosts are services, and secrets are mounted where the configuration looks for them."""
    texts = {
        "prometheus": (DEPLOY / "prometheus" / "prometheus.yaml").read_text(),
        "alertmanager": (DEPLOY / "alertmanager" / "alertmanager.yaml").read_text(),
    }
    for name, text in texts.items():
        secrets = set(re.findall(r"^[^#]*/run/secrets/(\w+)", text, re.MULTILINE))
        hosts = set(re.findall(r"^[^#]*[/\"']([a-z]+):\d{4}", text, re.MULTILINE))
        assert secrets <= set(SERVICES[name]["secrets"])
        assert hosts <= set(SERVICES)


def test_prometheus_asks_every_worker_on_a_port_that_is_not_published() -> None:
    jobs = {job["job_name"]: job for job in read_yaml("prometheus/prometheus.yaml")["scrape_configs"]}
    (found,) = jobs["portal-worker"]["dns_sd_configs"]
    worker = SERVICES["worker"]

    assert (found["names"], found["type"]) == (["worker"], "A")
    assert worker["environment"]["WORKER_METRICS_PORT"] == str(found["port"])
    assert "ports" not in worker
    assert set(worker["networks"]) & set(SERVICES["prometheus"]["networks"])
    assert jobs["portal-worker"]["metrics_path"] == PATH
    assert jobs["portal-worker"]["authorization"] == jobs["portal"]["authorization"]
    # Web servers alone show what the database counts.
    assert "WORKER_METRICS_PORT" not in SERVICES["web"]["environment"]


def test_the_collector_uses_what_it_declares_and_sends_to_services() -> None:
    collector = read_yaml("collector.yaml")
    pipelines = collector["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert {name for pipeline in pipelines for name in pipeline[kind]} == set(collector[kind])

    hosts = {re.sub(r"https?://|[:/].*", "", found["endpoint"]) for found in collector["exporters"].values()}
    assert hosts == {"tempo", "loki"}


def test_lines_and_traces_come_to_the_collector_on_its_ports() -> None:
    receivers = read_yaml("collector.yaml")["receivers"]
    otlp = receivers["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    lines = receivers["fluentforward"]["endpoint"].rpartition(":")[2]
    options = SERVICES["web"]["logging"]["options"]

    assert SERVICES["web"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://collector:{otlp}"
    assert options["fluentd-address"] == f"127.0.0.1:{lines}"
    assert SERVICES["collector"]["ports"] == [f"127.0.0.1:{lines}:{lines}"]
    tempo = read_yaml("tempo.yaml")["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert read_yaml("collector.yaml")["exporters"]["otlp/tempo"]["endpoint"].endswith(
        tempo.rpartition(":")[2]
    )


def test_what_tempo_and_loki_keep_lies_on_their_volumes() -> None:
    storage = read_yaml("tempo.yaml")["storage"]["trace"]
    paths = [storage["local"]["path"], storage["wal"]["path"]]

    assert all(path.startswith("/var/tempo/") for path in paths)
    assert read_yaml("loki.yaml")["common"]["path_prefix"] == "/loki"
