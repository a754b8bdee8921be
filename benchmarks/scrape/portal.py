"""Functions that run in a process of the portal: three environments, their scrape, and names without end."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice
from random import Random

from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families as parse_text

from benchmarks.events import Session, Team, make_events
from benchmarks.scrape.counts import SeriesCount
from config.server import garbage
from kpis.compute import rollup
from metrics.collector import snapshots
from telemetry.intake.ingest import ingest_events
from telemetry.lifecycle import partitions
from telemetry.models import ApiKey
from telemetry.plan.schema import MAX_BATCH_EVENTS

ENVIRONMENTS = ("production", "staging", "testing")
TEAM = Team(workflows=50, agents=30)
# What Prometheus asks for.
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
# A scrape every ten seconds of a busy portal finds that something was folded.
EVENTS_BETWEEN = 30


def load_names(environment: str, *, now: datetime) -> None:
    """Each workflow and agent of the team, with each end: so few events have all labels that many have."""
    names = list(zip(range(1, TEAM.workflows + 1), cycle(range(TEAM.agents)), strict=False))
    post(
        (
            event
            for status in ("completed", "failed")
            for number, agent in names
            for event in run_of(
                f"Workflow-{number}", f"agent-{agent}", status=status, seed=f"{status}{number}", now=now
            )
        ),
        environment=environment,
        now=now,
    )


def run_of(
    workflow: str, agent: str, *, status: str, seed: str, now: datetime, **properties: str
) -> list[bytes]:
    """The events of a run with one agent, and of a request to a route of its own, within the hour before `now`."""
    session = Session(random=Random(seed), start=now - timedelta(hours=1), end=now)
    run = {"runId": session.identifier("r"), "workflowId": workflow, "workflowName": workflow}
    agent_run = {"runId": run["runId"], "agentRunId": session.identifier("a"), "agentName": agent}
    session.add("workbench.workflow_run_started", draftId=session.identifier("d"), trigger="user", **run)
    session.add("agent.run_started", **agent_run)
    session.add(
        "agent.run_completed",
        status=status,
        durationMs=session.number(100, 60_000),
        **agent_run,
        **properties,
    )
    session.add(
        "workbench.workflow_run_completed", status=status, durationMs=session.number(1000, 900_000), **run
    )
    return session.events


def post(events: Iterator[bytes], *, environment: str, now: datetime) -> None:
    key = ApiKey.objects.get(environment=environment)
    while batch := list(islice(events, MAX_BATCH_EVENTS)):
        ingest_events(batch, key=key, now=now)
    rollup.bring_up_to_date(now=now)


def post_names(*, count: int) -> None:
    """Posts so many workflows, agents, types of errors and routes that nobody named before."""
    now = timezone.now()
    for index, environment in enumerate(ENVIRONMENTS):
        numbers = range(index, count, len(ENVIRONMENTS))
        post(
            (event for number in numbers for event in unheard(number, now=now)),
            environment=environment,
            now=now,
        )


def unheard(number: int, *, now: datetime) -> list[bytes]:
    name = f"unheard-{number}"
    events = run_of(name, name, status="failed", seed=name, now=now, errorType=name)
    session = Session(random=Random(f"route {name}"), start=now - timedelta(hours=1), end=now)
    session.add("appserver.request_completed", route=f"/{name}", method="POST", status=500, durationMs=number)
    return events + session.events


class Scraper:
    """Prometheus, without a network between."""

    client: Client | None = None
    scrapes = 0

    def get(self) -> tuple[float, float, str]:
        """(seconds of server time, of processor time here, text) of a scrape that finds something new."""
        self.client = self.client or Client(SERVER_NAME="127.0.0.1", HTTP_ACCEPT=ACCEPT)
        self.fold_something()
        snapshots.forget()
        began_at, busy_at = time.perf_counter(), time.thread_time()
        answer = self.client.get("/metrics")
        seconds, busy_seconds = time.perf_counter() - began_at, time.thread_time() - busy_at
        text = answer.content.decode()
        if answer.status_code != 200 or "portal_metrics_collect_error 0" not in text:
            raise ValueError(f"the scrape answers {answer.status_code}")
        return seconds, busy_seconds, text

    def fold_something(self) -> None:
        """Some events of one environment; the environments take turns."""
        now = timezone.now()
        partitions.ensure_partitions(today=now.date())
        self.scrapes += 1
        environment = ENVIRONMENTS[self.scrapes % len(ENVIRONMENTS)]
        start = now - timedelta(hours=1)
        events = make_events(EVENTS_BETWEEN, seed=-self.scrapes, start=start, end=now, team=TEAM)
        post(events, environment=environment, now=now)


scraper = Scraper()


def time_scrapes(*, times: int) -> list[tuple[float, float]]:
    """(server time, processor time) of each of so many scrapes, as a web process answers them; but of the first."""
    garbage.spare_what_is_loaded()
    return [scraper.get()[:2] for _ in range(times + 1)][1:]


def count_series() -> SeriesCount:
    *_, text = scraper.get()
    samples = [sample for family in parse_text(text.replace("# EOF\n", "")) for sample in family.samples]
    stored, budgets = (
        {sample.labels["family"]: int(sample.value) for sample in samples if sample.name == name}
        for name in ("portal_metrics_series", "portal_metrics_series_budget")
    )
    fullest = max(stored, key=lambda family: stored[family] / budgets[family])
    return SeriesCount(scraped=len(samples), fullest=stored[fullest], budget=budgets[fullest])
