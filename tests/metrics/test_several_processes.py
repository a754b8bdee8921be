"""The scrape under real conditions: several processes, no database, Prometheus's own parser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
COUNT = """
from telemetry.intake.instruments import count_dry_run
for _ in range({times}):
    count_dry_run(environment="production", sound=1, rejected={{"bad_id": 2}})
"""
SCRAPE = """
import time
from django.test import Client
started = time.monotonic()
answer = Client(headers={"host": "localhost"}).get("/metrics")
print(answer.content.decode())
print("# status", answer.status_code)
print("# seconds", time.monotonic() - started)
"""


def portal(code: str, **environment: str) -> "subprocess.Popen[str]":
    """A process of the portal that runs the code."""
    setup = "import django\ndjango.setup()\n"
    return subprocess.Popen(
        [sys.executable, "-c", setup + code],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def output(process: "subprocess.Popen[str]") -> list[str]:
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text.splitlines()


@pytest.mark.processes
def test_what_processes_count_is_added_up_exactly(tmp_path: Path) -> None:
    shared = tmp_path / "multiprocess"
    shared.mkdir()
    places = {"PROMETHEUS_MULTIPROC_DIR": str(shared), "DATA_DIR": str(tmp_path), "DATABASE_URL": ""}
    counting = [portal(COUNT.format(times=times), **places) for times in (30, 12)]
    for process in counting:
        output(process)
    lines = [
        line for line in output(portal(SCRAPE, **places)) if line.startswith("portal_events_received_total")
    ]

    labels = 'portal_events_received_total{{environment="production",outcome="dry_run",reason="{}"}} {}'

    assert sorted(lines) == [labels.format("", "42.0"), labels.format("bad_id", "84.0")]


@pytest.mark.processes
@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/nowhere", "sqlite:////nowhere/portal.sqlite3"]
)
def test_without_a_database_the_scrape_answers_within_seconds(tmp_path: Path, url: str) -> None:
    lines = output(portal(SCRAPE, DATABASE_URL=url, DATA_DIR=str(tmp_path)))

    assert {"portal_metrics_collect_error 1.0", "# status 200"} <= set(lines)
    assert "django_http_requests_before_middlewares_total 1.0" in lines
    assert float(lines[-1].split()[-1]) < 9


@pytest.mark.prometheus
@pytest.mark.django_db
def test_promtool_finds_nothing_to_say(client: Client) -> None:
    client.get("/there-is-nothing-here")
    for path in ("/metrics", "/api/workbench/metrics"):
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=client.get(path).content,
            capture_output=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
