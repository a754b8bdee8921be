import json
import re
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections

from config.health import report
from config.health.report import CHECKS
from config.processes.health import PROBES
from config.processes.probes import NotReady, Probe
from telemetry.keys import create_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def few_checks(ready, monkeypatch):
    """A line that is ok, and one that is critical."""

    def refuse():
        raise NotReady("last seen 40 s ago")

    monkeypatch.setitem(PROBES, "scheduler", Probe(refuse))
    chosen = tuple(check for check in CHECKS if check.name in {"scheduler", "maintenance"})
    monkeypatch.setattr(report, "CHECKS", chosen)


def test_the_front_page_of_the_admin_shows_the_worst_line_first(admin_client):
    page = admin_client.get("/admin/").content.decode()

    assert re.findall(r'<li class="health-line health-(\w+)" id="(\w+)"', page) == [
        ("critical", "scheduler"),
        ("ok", "maintenance"),
    ]
    assert "<strong>1 critical</strong>" in page
    assert 'href="/admin/runbooks/health/#scheduler"' in page


def test_the_front_page_says_that_all_is_well(admin_client, monkeypatch):
    monkeypatch.setitem(PROBES, "scheduler", Probe(lambda: "fine"))

    assert "All 2 checks are ok" in admin_client.get("/admin/").content.decode()


def test_operators_get_the_lines_as_json(admin_client):
    answer = admin_client.get("/api/health/").json()

    assert (answer["status"], len(answer["lines"])) == ("critical", 2)
    assert datetime.fromisoformat(answer["checked_at"]).tzinfo
    assert answer["lines"][1] == {
        "name": "maintenance",
        "title": "Maintenance",
        "status": "ok",
        "text": "off",
        "value": 0,
        "unit": "",
        "details": [],
        "action": "",
        "runbook": "/admin/runbooks/health/#maintenance",
    }


@pytest.mark.parametrize(
    ("scope", "status"), [("metrics", 200), ("admin", 200), ("read", 403), ("ingest", 403)]
)
def test_a_key_of_scope_metrics_or_admin_reads_the_report(client, now, scope, status):
    _, secret = create_key(scope=scope, environment="demo", source="grafana", now=now)

    answer = client.get("/api/health/", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == status


def test_people_who_may_not_open_the_admin_see_no_health(client):
    assert client.get("/api/health/").status_code == 401
    assert client.get("/admin/runbooks/health/").status_code == 302

    client.force_login(User.objects.create_user("jo"))

    assert client.get("/api/health/").status_code == 403
    assert client.get("/admin/runbooks/health/").status_code == 302


@pytest.fixture
def own_waits(monkeypatch):
    """What the command does to the waits of its process is undone."""
    monkeypatch.setitem(
        connections.settings["default"], "OPTIONS", connections.settings["default"]["OPTIONS"]
    )


def test_the_command_prints_the_lines_and_ends_with_1_when_one_is_critical(own_waits, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("health")

    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "critical  Scheduler: last seen 40 s ago",
        "          → Start celery beat, or manage.py portal where it runs everything."
        " See docs/runbooks/health.md, Scheduler.",
        "ok        Maintenance: off",
    ]


def test_the_command_prints_what_the_api_answers(own_waits, monkeypatch, capsys, admin_client):
    monkeypatch.setitem(PROBES, "scheduler", Probe(lambda: "fine"))
    call_command("health", "--json")

    printed, answered = json.loads(capsys.readouterr().out), admin_client.get("/api/health/").json()

    assert printed["lines"] == answered["lines"]
