import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pytest_django import Settings

from metrics import collector
from metrics.collector import snapshots
from telemetry import maintenance
from telemetry.counters.bridge import Increment, increase
from telemetry.intake.instruments import count_dry_run
from tests.builders import make_secret

pytestmark = pytest.mark.django_db

ENDPOINTS = ("/metrics", "/api/workbench/metrics")
ELSEWHERE = "203.0.113.7"
# What a Prometheus server of the 3.x line asks for.
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"


@pytest.fixture(autouse=True)
def _no_snapshot() -> Iterator[None]:
    snapshots.forget()
    yield
    snapshots.forget()


@pytest.fixture(params=ENDPOINTS)
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in parse_text(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


# Who may read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_peer_may_read(client: Client, path: str, peer: str) -> None:
    assert client.get(path, REMOTE_ADDR=peer).status_code == 200


@pytest.mark.parametrize(
    "peer",
    [
        ELSEWHERE,
        "10.0.0.1",
        "0.0.0.0",
        "::ffff:10.0.0.1",
        "2001:db8::1",
        "",
        "unix:",
        "localhost",
        "127.0.0.1:80",
    ],
)
def test_any_other_peer_needs_a_key(client: Client, path: str, peer: str) -> None:
    answer = client.get(path, REMOTE_ADDR=peer)

    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "message", "detail", "request_id"}


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "Via", "Host"]
)
@pytest.mark.parametrize("proxies", [[], [ELSEWHERE], ["203.0.113.0/24"]])
def test_a_header_never_makes_a_peer_local(
    client: Client, path: str, settings: Settings, header: str, proxies: list[str]
) -> None:
    settings.TRUSTED_PROXIES = proxies
    settings.ALLOWED_HOSTS = ["*"]
    value = "for=127.0.0.1" if header == "Forwarded" else "127.0.0.1"

    answer = client.get(path, REMOTE_ADDR=ELSEWHERE, headers={header: value})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        *("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Host", "X-Forwarded-Proto"),
        *(
            "CF-Connecting-IP",
            "CF-Ray",
            "True-Client-IP",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "X-ProxyUser-IP",
        ),
        *("Fastly-Client-IP", "Fly-Client-IP", "DO-Connecting-IP", "X-Azure-ClientIP", "X-Original-Host"),
        *("X-Envoy-External-Address", "CDN-Loop", "X-Remote-Addr", "X-Appengine-User-IP"),
    ],
)
def test_what_came_through_a_proxy_on_this_machine_needs_a_key(
    client: Client, path: str, header: str
) -> None:
    assert client.get(path, REMOTE_ADDR="127.0.0.1", headers={header: "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1", "::1"])
def test_a_trusted_proxy_needs_a_key_even_if_it_adds_no_header(
    client: Client, path: str, settings: Settings, peer: str
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.0/8", "::1"]

    assert client.get(path, REMOTE_ADDR=peer).status_code == 401


def test_a_trusted_proxy_elsewhere_leaves_loopback_open(
    client: Client, path: str, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

    assert client.get(path, REMOTE_ADDR="127.0.0.1").status_code == 200


def test_a_key_of_scope_metrics_may_read(client: Client, path: str, now: datetime) -> None:
    bearer = {"authorization": f"Bearer {make_secret(scope='metrics', now=now)}"}
    assert client.get(path, REMOTE_ADDR=ELSEWHERE, headers=bearer).status_code == 200


@pytest.mark.parametrize("scope", ["ingest", "read"])
def test_a_key_of_another_scope_may_not(client: Client, path: str, now: datetime, scope: str) -> None:
    bearer = {"authorization": f"Bearer {make_secret(scope=scope, now=now)}"}
    answer = client.get(path, REMOTE_ADDR=ELSEWHERE, headers=bearer)

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_scope")


def test_an_expired_key_may_not(client: Client, path: str) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)

    bearer = {"authorization": f"Bearer {make_secret(scope='metrics', now=yesterday, expires_at=yesterday)}"}

    assert client.get(path, REMOTE_ADDR=ELSEWHERE, headers=bearer).status_code == 403


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer scrape-me", 200),
        ("bearer scrape-me", 200),
        ("Bearer scrape-m", 401),
        ("Bearer scrape-mee", 401),
        ("Bearer ", 401),
        ("Basic scrape-me", 401),
        ("scrape-me", 401),
        ("Bearer scrap\xe9", 401),
    ],
)
def test_the_token_of_the_settings_may_read(
    client: Client, path: str, settings: Settings, authorization: str, status: int
) -> None:
    settings.METRICS_TOKEN = "scrape-me"
    answer = client.get(path, REMOTE_ADDR=ELSEWHERE, HTTP_AUTHORIZATION=authorization)

    assert answer.status_code == status


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Bearer   "])
def test_without_a_token_in_the_settings_an_empty_one_opens_nothing(
    client: Client, path: str, settings: Settings, authorization: str
) -> None:
    settings.METRICS_TOKEN = ""

    assert client.get(path, REMOTE_ADDR=ELSEWHERE, HTTP_AUTHORIZATION=authorization).status_code == 401


@pytest.mark.parametrize("peer", ["127.0.0.1", ELSEWHERE])
def test_where_metrics_are_off_there_is_nothing(
    client: Client, path: str, settings: Settings, peer: str
) -> None:
    settings.METRICS_ENABLED = False

    assert client.get(path, REMOTE_ADDR=peer).status_code == 404


def test_only_reading_is_allowed(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


# What is answered -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("application/json", TEXT),
        ("text/plain; a*=no-such-charset'x'y", TEXT),
        ("text/plain;version=2\r\nX-Injected: 1", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=abc", OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0; escaping=no-such-one", OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
    ],
)
def test_the_format_follows_the_accept_header(
    client: Client, path: str, accept: str, content_type: str
) -> None:
    answer = client.get(path, HTTP_ACCEPT=accept)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)


def test_both_formats_parse_and_say_the_same(client: Client, path: str) -> None:
    increase([Increment("agent_errors_total", "production", ('say "hi" \\ there', "timeout"), amount=2)])
    text = client.get(path).content.decode()
    openmetrics = client.get(path, HTTP_ACCEPT="application/openmetrics-text").content.decode()
    expected = {
        (("agent", 'say "hi" \\ there'), ("environment", "production"), ("error_type", "timeout")): 2.0
    }
    assert samples(text)["agent_errors_total"] == expected

    names = {sample.name for family in parse_openmetrics(openmetrics) for sample in family.samples}
    assert {name for name in samples(text) if not name.startswith(("django", "process", "python"))} <= names


def test_the_workbench_endpoint_has_the_workbench_and_kpis_alone(client: Client) -> None:
    families = {family.name for family in parse_text(client.get("/api/workbench/metrics").content.decode())}
    groups = {name.split("_")[0] for name in families}

    assert groups == {"agent", "appserver", "tool", "workbench", "workflow", "workflows"}
    assert "workbench_kpi_value" in families


def test_a_dry_run_is_an_outcome_of_received_events(client: Client) -> None:
    increase([Increment("portal_events_received_total", "production", ("accepted", ""), amount=7)])
    count_dry_run(environment="sandbox", sound=3, rejected={"missing_property": 2})
    found = samples(client.get("/metrics").content.decode())

    received = {
        (values["environment"], values["outcome"], values["reason"]): value
        for labels, value in found["portal_events_received_total"].items()
        for values in [dict(labels)]
        # Other tests' dry runs are counted in this process too.
        if values["outcome"] != "dry_run" or values["environment"] == "sandbox"
    }

    assert received == {
        ("production", "accepted", ""): 7,
        ("sandbox", "dry_run", ""): 3,
        ("sandbox", "dry_run", "missing_property"): 2,
    }
    assert "portal_dry_run_events_total" not in found


@pytest.mark.parametrize("is_on", [False, True])
def test_shows_maintenance(client: Client, settings: Settings, tmp_path: Path, is_on: bool) -> None:
    settings.DATA_DIR = tmp_path
    if is_on:
        (settings.DATA_DIR / "maintenance").touch()

    found = samples(client.get("/metrics").content.decode())

    assert found["portal_maintenance"] == {(): float(is_on)}


def test_shows_the_maintenance_of_the_moment_and_not_of_the_snapshot(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what explains the refused posts of the same scrape."""
    settings.DATA_DIR = tmp_path
    now = timezone.now()
    begins_at = now + timedelta(milliseconds=500)
    snapshots.get(now=now)
    maintenance.switch_on(message="", starts_at=begins_at, ends_at=None, by=None, now=now)
    monkeypatch.setattr(timezone, "now", lambda: begins_at)

    found = samples(client.get("/metrics").content.decode())

    assert found["portal_maintenance"] == {(): 1.0}


def test_shows_a_maintenance_window_also_without_the_database(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    now = timezone.now()
    maintenance.switch_on(message="", ends_at=None, by=None, now=now)
    assert maintenance.is_on(now=now)
    monkeypatch.setattr(collector, "read_snapshot", raise_database_error)
    monkeypatch.setattr(maintenance.WindowCache, "read", raise_database_error)
    maintenance.cache.forget()

    found = samples(client.get("/metrics").content.decode())

    assert found["portal_metrics_collect_error"] == {(): 1.0}
    assert found["portal_maintenance"] == {(): 1.0}


def raise_database_error(*args: object, **kwargs: object) -> None:
    raise OperationalError("gone")


def test_a_working_database_is_no_collect_error(client: Client) -> None:
    found = samples(client.get("/metrics").content.decode())

    assert found["portal_metrics_collect_error"] == {(): 0.0}


def test_a_database_that_is_down_leaves_the_request_metrics(
    client: Client, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OperationalError("connection to 10.1.2.3 failed")

    monkeypatch.setattr(collector, "read_counters", fail)
    with caplog.at_level(logging.WARNING):
        answer = client.get(path)
    found = samples(answer.content.decode())
    assert answer.status_code == 200
    assert found["portal_metrics_collect_error"] == {(): 1.0}
    assert "workbench_events_total" not in found
    assert ("portal_http_request_duration_seconds_count" in found) is (path == "/metrics")
    assert "10.1.2.3" not in caplog.text


def test_a_scrape_is_never_kept(client: Client, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"
