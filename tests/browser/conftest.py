"""A portal for tests that only read: started once for a module.

Those of another module may write, and empty the tables behind them.

A visit is a new tab that notes what a page must not do: errors, warnings, requests to elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client, modify_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from kpis.models import Annotation
from kpis.registry import DEFINITIONS, Kind
from objectives.definitions import get_objectives
from people.models import Role
from telemetry.models import QuarantinedEvent
from tests.alerts.builders import make_alert
from tests.builders import NOW, make_secret
from tests.kpis.builders import (
    make_baseline,
    make_bucket,
    make_durations,
    make_environment,
    make_later_change,
)
from tests.kpis.funnel_builders import make_funnel
from tests.kpis.usage_builders import make_failures, make_usage
from tests.objectives.builders import count
from tests.people.builders import make_person
from tests.telemetry.posts import event, post
from tests.workbench.runs.builders import (
    decide,
    make_agent,
    make_approval,
    make_call,
    make_open_run,
    make_run,
)
from workbench.models import Draft, Session, WorkflowRun

FRONTEND = Path(settings.BASE_DIR) / "frontend"
BUNDLE = Path(settings.BASE_DIR) / "static" / "build" / "charts.js"


@dataclass(frozen=True, kw_only=True)
class Portal:
    """A running portal; the session is that of a signed-in person, the secret that of a key that posts.

    `rejected` is the key of an event that was rejected.
    """

    origin: str
    session: str
    secret: str = ""
    rejected: int = 0


@dataclass
class Visit:
    """A signed-in tab on the portal, and what went wrong in it."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)

    def goto(self, path: str) -> Page:
        self.page.goto(self.origin + path)
        return self.page

    def note_request(self, url: str) -> None:
        if not url.startswith((self.origin, "data:")):
            self.faults.append(f"asked {url}")

    def note_console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(text)


@pytest.fixture(scope="module")
def portal(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Portal]:
    """Its rows are committed for its threads to read, and removed at the end."""
    with django_db_blocker.unblock(), modify_settings(ALLOWED_HOSTS={"append": "localhost"}):
        fill()
        secret = make_secret()
        fill_live(secret, now=timezone.now())
        server = LiveServer("localhost")
        rejected = QuarantinedEvent.objects.latest("pk").pk
        yield Portal(origin=server.url, session=sign_in(), secret=secret, rejected=rejected)
        server.stop()
        call_command("flush", interactive=False, verbosity=0)


def fill() -> None:
    """28 days of every KPI, up to today."""
    now = timezone.now()
    make_environment(computed_until=now)
    make_baseline("time-to-create-workflow", "1500", since=date(2026, 1, 1))
    fill_objectives(now=now)
    for number in range(28):
        start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=number)
        for kpi in DEFINITIONS:
            if kpi.kind is Kind.DURATION:
                make_durations(kpi.slug, range(100, 700, 20), period_start=start)
            else:
                # Of 100, or in micro-dollars.
                share = (30 + number) * (1_000_000 if kpi.kind is Kind.SUM else 1)
                make_bucket(kpi.slug, period_start=start, numerator=share, denominator=100)
        fill_breakdown(start, number=number)
        fill_usage(start, number=number)
        make_funnel(90 + number, 60, 40, 30, 30, sources=["chat"], seconds=600 + number, period_start=start)
    Annotation.objects.create(
        environment="production", kpi="approval-rate", at=now - timedelta(days=3), text="Release 2.4"
    )
    fill_alerts(now)
    fill_sessions(now)
    fill_runs(now)


def fill_breakdown(start: datetime, *, number: int) -> None:
    """Six workflows with a cost, of which one has a long name; and every fourth day changed afterwards."""
    for workflow in ("triage", "x" * 60, "report", "cleanup", "onboarding", "matching"):
        make_bucket(
            "execution-cost", dimension="workflow", value=workflow, period_start=start, numerator=1_000_000
        )
    if number % 4 == 1:
        make_later_change("approval-rate", date=start.date(), first_changed_at=start + timedelta(days=1))


def fill_sessions(now: datetime) -> None:
    """Two that stopped after a draft, of which one has the longest id that there can be; and that draft."""
    for session in ("s-1", "s" * 128):
        moments = {"started_at": now - timedelta(hours=2), "funnel_created_at": now - timedelta(hours=1)}
        Session.objects.create(environment="production", session_id=session, funnel_steps=2, **moments)
    Draft.objects.create(environment="production", draft_id="d-1", created_at=now - timedelta(hours=1))


def fill_runs(now: datetime) -> None:
    """A run in each state, and a failed one with agents, calls and an approval."""
    for number in range(21):
        run_at(now - timedelta(hours=number + 2), make_run, f"usual-{number}")
    run_at(now - timedelta(minutes=1), make_open_run, "running", started_at=None)
    run_at(now - timedelta(hours=1), make_open_run, "silent")
    run_at(now - timedelta(days=2), make_open_run, "lost")
    run_at(now - timedelta(hours=1), make_run, "cancelled", status="cancelled", duration_ms=90_000)
    run_at(
        now - timedelta(minutes=30),
        make_run,
        "failed",
        status="failed",
        error_type="Timeout",
        duration_ms=90_000,
    )
    for number in range(3):
        fields = {
            "run": "failed",
            "calls": 1,
            "called_cost_micro_usd": 900,
            "attempt": number,
            "back": NOW - now,
        }
        parent = "span-a-0" if number else ""
        failure = {"status": "failed", "error_type": "Timeout"} if number == 2 else {}
        make_agent(f"a-{number}", parent_span_id=parent, **fields | failure)
        make_call(f"a-{number}", run="failed", parent_span_id=f"span-a-{number}", called_at=now)
    decide(make_approval(run="failed", approval_id="ap-1", back=NOW - now))
    make_approval(run="failed", back=NOW - now)


def run_at(moment: datetime, make: Callable[..., WorkflowRun], name: str, **fields: Any) -> WorkflowRun:
    """The builders count from the tests' own moment."""
    return make(name, back=NOW - moment, **fields)


def fill_usage(start: datetime, *, number: int) -> None:
    """A day of three agents, one of which has an error type of many letters, and an estimate."""
    for place, agent in enumerate(("writer", "retriever", "an-agent-whose-name-is-rather-long-for-a-column")):
        failed = (number + place) % 5
        make_failures(agent, failed=failed, finished=40, period_start=start)
        make_usage(
            agent,
            period_start=start,
            workflow=f"workflow-{place}",
            model=f"model-{place % 2}",
            agent_runs=41,
            input_tokens=1_234_567 * place,
            cost_micro_usd=(5 + number) * 1_000_000,
            error_types={"Timeout": failed, "openinference.instrumentation.ToolInvocationError": 2},
            seconds=range(1, 40),
        )
    make_usage("", model="", period_start=start, agent_runs=0, estimated_micro_usd=2_000_000)


def fill_alerts(now: datetime) -> None:
    """Four that fire, on one KPI or on none, and two that are over, of which one was never reported as such."""
    kept, day = {"expires_at": now + timedelta(days=1)}, timedelta(days=1)
    cost = {"kpi": "execution-cost", "summary": "Execution cost is off target in production"}
    lag = {"name": "RollupLagHigh", "kpi": "", "summary": "The KPIs of production stand still"}
    make_alert(1, started_at=now - 2 * day, **cost, **kept)
    make_alert(2, started_at=now - 12 * day, ended_at=now - 9 * day, **cost, **kept)
    make_alert(3, started_at=now - day / 200, severity="page", **lag, **kept)
    make_alert(4, started_at=now - 3 * day, severity="info", kpi="approval-wait", **kept)
    make_alert(5, started_at=now - 3 * day, kpi="approval-rate", **kept)
    make_alert(6, started_at=now - 9 * day, expires_at=now - 8 * day, kpi="", source="portal")


def fill_objectives(*, now: datetime) -> None:
    """Each objective with a bad hour; the first one burns, and the last has no data."""
    places = [(name, "" if name.startswith("ingest") else "production") for name in get_objectives()]
    for number, (name, environment) in enumerate(places[:-1]):
        for day in range(28):
            start = (now - timedelta(days=day, hours=2)).replace(minute=0, second=0, microsecond=0)
            bad = 90 if day % 9 == 2 + number else 0
            count(name, start=start, good=5000 - bad, total=5000, environment=environment, minutes=15)
    count(places[0][0], start=now.replace(second=0, microsecond=0), good=900, total=1000)


def fill_live(secret: str, *, now: datetime) -> None:
    """A large post of good events, and one with a rejected event and a copy of a good one."""
    events = [event(event_id=f"e-{number}", at=now, source="chat") for number in range(20)]
    post({"events": events}, secret=secret)
    wrong = event(
        event_id="wrong", at="yesterday", source="chatt", a_name_that_is_rather_long_for_a_phone="x"
    )
    post({"events": [wrong, events[0]]}, secret=secret)


def sign_in() -> str:
    client = Client()
    client.force_login(make_person("reader", role=Role.OPERATOR))
    return client.cookies["sessionid"].value


@pytest.fixture
def visit(portal: Portal, browser: Browser) -> Iterator[Visit]:
    visit = open_tab(browser, portal=portal)
    yield visit
    visit.page.context.close()


@pytest.fixture
def visit_without_script(portal: Portal, browser: Browser) -> Iterator[Visit]:
    visit = open_tab(browser, portal=portal, has_script=False)
    yield visit
    visit.page.context.close()


def open_tab(browser: Browser, *, portal: Portal, has_script: bool = True) -> Visit:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=has_script)
    context.add_cookies([{"name": "sessionid", "value": portal.session, "url": portal.origin}])
    visit = Visit(page=context.new_page(), origin=portal.origin)
    visit.page.on("console", lambda message: visit.note_console(message.type, message.text))
    visit.page.on("pageerror", lambda error: visit.faults.append(str(error)))
    visit.page.on("request", lambda request: visit.note_request(request.url))
    return visit


@pytest.fixture
def bundle() -> Path:
    if not BUNDLE.exists():
        pytest.skip("The charts are not built (npm ci && npm run build in frontend/)")
    return BUNDLE


@pytest.fixture
def axe() -> str:
    """The source of axe-core, which finds faults of accessibility."""
    source = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        pytest.skip("axe-core is not installed (npm ci in frontend/)")
    return source.read_text(encoding="utf-8")
