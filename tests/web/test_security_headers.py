"""Every answer tells the browser what it may do with it; with an https PUBLIC_URL, plain http ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from config import rsgi
from tests.routes import all_routes
from tests.run import setting_names

ROOT = Path(__file__).resolve().parents[2]
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": django_settings.PERMISSIONS_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


# Their addresses open them, so they tell other sites less.
SHARED = {"shared-page", "embedded-chart"}


def assert_guarded(headers: dict[str, str], *, referrer: str = "same-origin") -> None:
    assert {name: headers.get(name) for name in HEADERS} == {**HEADERS, "Referrer-Policy": referrer}
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_every_route_has_the_headers(client: Client) -> None:
    for route in all_routes():
        referrer = "no-referrer" if route.name in SHARED else "same-origin"
        assert_guarded(dict(client.get(route.path).headers), referrer=referrer)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/nothing/", 404, {}),
        ("/api/nothing/", 404, {}),
        ("/kpis/approval-rate", 301, {}),
        ("/healthz", 400, {"Host": "else.example"}),
        ("/static/nothing.css", 404, {}),
        ("/api/workbench/telemetry", 405, {}),
    ],
)
def test_answers_that_no_view_gives_have_the_headers(
    client: Client, path: str, status: int, headers: dict[str, str]
) -> None:
    answer = client.get(path, headers=headers)

    assert answer.status_code == status
    assert_guarded(dict(answer.headers))


def test_answers_of_the_web_server_have_the_headers() -> None:
    for _, headers, _ in (rsgi.HEALTHY, rsgi.TOO_BUSY.answer()):
        assert_guarded({name.title().replace("Csp", "CSP"): value for name, value in headers})


def with_environment(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the code after the settings, with these environment variables and no others of the portal."""
    own = {name: value for name, value in os.environ.items() if name not in setting_names()}
    return subprocess.run(
        [sys.executable, "-c", f"from config import settings; {code}"],
        cwd=ROOT,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
    )


PRINTED = (
    "print(settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS, settings.SESSION_COOKIE_SECURE,"
    " settings.CSRF_COOKIE_SECURE, settings.SECURE_SSL_HOST, settings.CSRF_TRUSTED_ORIGINS,"
    " settings.ALLOWED_HOSTS[3:])"
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "False 0 False False None [] []"),
        ("http://kpi.local:8000", "False 0 False False None ['http://kpi.local:8000'] ['kpi.local']"),
        (
            "https://kpi.example.com/",
            "True 31536000 True True kpi.example.com ['https://kpi.example.com'] ['kpi.example.com']",
        ),
    ],
)
def test_one_setting_decides_on_https(tmp_path: Path, url: str, expected: str) -> None:
    printed = with_environment(PRINTED, DATA_DIR=str(tmp_path), PUBLIC_URL=url)

    assert printed.stdout.strip() == expected


def test_django_has_nothing_to_say_of_a_production(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name not in setting_names()},
        "DATA_DIR": str(tmp_path),
        "HOST": "0.0.0.0",
        "PUBLIC_URL": "https://kpi.example.com",
        "TRUSTED_PROXIES": "10.0.0.0/8",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]

    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout) == (
        0, "System check identified no issues (2 silenced).\n",
    )  # fmt: skip


@pytest.fixture
def https(settings: Settings) -> None:
    """As PUBLIC_URL=https://kpi.example.com sets it."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.SECURE_SSL_HOST = "kpi.example.com"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.TRUSTED_PROXIES = ["127.0.0.1"]


def test_plain_http_is_sent_to_https(https: None, client: Client) -> None:
    answer = client.get("/kpis/x/?a=1")

    assert (answer.status_code, answer.headers["Location"]) == (301, "https://kpi.example.com/kpis/x/?a=1")
    assert "Strict-Transport-Security" not in answer.headers
    assert_guarded(dict(answer.headers))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/workbench/metrics"])
@pytest.mark.django_db
def test_probes_and_scrapes_stay_on_plain_http(https: None, client: Client, path: str) -> None:
    assert client.get(path).status_code != 301


@pytest.mark.django_db
def test_alertmanager_posts_past_the_proxy(https: None, client: Client) -> None:
    assert client.post("/api/alerts/webhook/", {}, content_type="application/json").status_code == 401


@pytest.mark.django_db
def test_browsers_are_kept_to_https(https: None, client: Client) -> None:
    answer = client.get("/login/", headers={"X-Forwarded-Proto": "https"})

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.cookies["csrftoken"]["secure"]
