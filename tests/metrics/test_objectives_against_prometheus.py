"""The portal's figures of its objectives against a real Prometheus, over the same scrapes.

Weeks cannot be waited for: the texts of scrapes are stamped with their moments, and promtool makes blocks of them.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from django.db import transaction
from pytest_django import DjangoDbBlocker

from kpis.models import Freshness
from metrics.collector import snapshots
from metrics.exposition import OPENMETRICS, encode
from metrics.indicators import sample_names
from metrics.recorder import ObjectiveRecorder
from metrics.requests import note_answer, request_duration
from metrics.rules.budgets import bad_ratio
from objectives.definitions import get_objectives
from objectives.history import sum_up
from objectives.reading import BURN_MINUTES, BudgetReading, read_budgets
from telemetry.counters.bridge import Increment, increase, observe
from tests.builders import NOW
from tests.kpis.builders import make_environment

pytestmark = [pytest.mark.prometheus, pytest.mark.django_db]

# (from, until, between): minutes before NOW. Each window needs some scrapes.
PACES = ((29 * 1440, 72 * 60, 720), (72 * 60, 25 * 60, 180), (25 * 60, 150, 30), (150, 40, 5), (40, -1, 1))
STEPS = tuple(
    NOW - timedelta(minutes=minutes) for begin, end, pace in PACES for minutes in range(begin, end, -pace)
)


@dataclass
class Scrapes:
    """What a Prometheus would have read, as OpenMetrics with a moment for each sample."""

    lines: dict[str, list[str]]

    def add(self, *, now: datetime) -> None:
        names = sample_names(get_objectives().values())
        snapshot = snapshots.get(now=now)
        wanted = [
            family
            for family in (*request_duration.collect(), *snapshot.workbench, *snapshot.portal)
            if any(sample.name in names for sample in family.samples)
        ]
        name = ""
        for line in encode(wanted, accept=OPENMETRICS)[0].decode().splitlines():
            if line.startswith("# TYPE"):
                name = line
            elif line.startswith(tuple(names)):
                self.lines.setdefault(name, []).append(f"{line} {now.timestamp():.0f}")

    def write(self, path: Path) -> None:
        parts = [line for kind, lines in self.lines.items() for line in (kind, *lines)]
        path.write_text("\n".join([*parts, "# EOF", ""]))


def happen(number: int) -> None:
    """What happens between two scrapes: much of it is good, more so at some times than at others."""
    is_bad_time = number % 7 == 0 or number > len(STEPS) - 20
    for post in range(6):
        status = 503 if is_bad_time and post == 0 else 200
        note_answer(
            route="telemetry:ingest", method="POST", status=status, seconds=0.4 if post == 5 else 0.02
        )
    failed = 2 if is_bad_time else 0
    with transaction.atomic():
        increase(
            [
                Increment("workflow_runs_total", "production", ("completed", "manual"), amount=9),
                Increment("workflow_runs_total", "production", ("failed", "manual"), amount=failed),
                chat("2xx", 20),
                chat("5xx", failed),
                *observe(
                    "workflow_approval_wait_time_seconds",
                    [
                        ("production", ("true",), seconds * 1_000_000, 1)
                        for seconds in (60, 60, 899, 901 + number)
                    ],
                ),
            ]
        )


def chat(status_family: str, amount: int) -> Increment:
    labels = ("/api/chat", "POST", status_family, "")
    return Increment("appserver_requests_total", "production", labels, amount=amount)


@pytest.fixture(scope="module")
def recorded(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[tuple[str, str], BudgetReading], Path]:
    """The portal's readings at NOW, and the file of all scrapes until then. Nothing of it stays in the database."""
    scrapes, recorder = Scrapes({}), ObjectiveRecorder()
    with django_db_blocker.unblock(), transaction.atomic():
        make_environment(computed_until=NOW)
        for number, moment in enumerate(STEPS):
            happen(number)
            late = 90 if number % 11 == 0 else 5
            Freshness.objects.update(computed_until=moment - timedelta(seconds=late))
            snapshots.forget()
            recorder.record(now=moment)
            scrapes.add(now=moment)
        sum_up(now=NOW)
        readings = read_budgets(environments=["production"], now=NOW)
        transaction.set_rollback(True)
    snapshots.forget()
    path = tmp_path_factory.mktemp("scrapes") / "scrapes.txt"
    scrapes.write(path)
    return {(reading.objective.name, reading.environment): reading for reading in readings}, path


@pytest.fixture(scope="module")
def prometheus(
    recorded: tuple[dict[tuple[str, str], BudgetReading], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a Prometheus that has the scrapes, and the states of gauges that its rules record."""
    folder = tmp_path_factory.mktemp("prometheus")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", recorded[1], folder / "data"]
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    (folder / "prometheus.yaml").write_text("{}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = (
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
        "--log.level=error",
    )
    with subprocess.Popen(["prometheus", *options]) as process:
        wait_until_ready(f"http://{address}")
        yield f"http://{address}"
        process.terminate()


def wait_until_ready(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if requests.get(f"{url}/-/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise TimeoutError("Prometheus does not get ready")


def asked(url: str, expression: str) -> float | None:
    """The one value of the expression at NOW."""
    answer = requests.get(
        f"{url}/api/v1/query", params={"query": expression, "time": str(NOW.timestamp())}, timeout=30
    )
    result = answer.json()["data"]["result"]
    assert len(result) <= 1
    return float(result[0]["value"][1]) if result else None


COUNTED = [name for name, objective in get_objectives().items() if objective.indicator.total is not None]


@pytest.mark.parametrize("name", COUNTED)
def test_burns_and_budgets_are_those_that_prometheus_computes(
    recorded: tuple[dict[tuple[str, str], BudgetReading], Path], prometheus: str, name: str
) -> None:
    objective = get_objectives()[name]
    (reading,) = [reading for (own, _), reading in recorded[0].items() if own == name]
    ours = {burn.minutes: (burn.rate or 0) * objective.budget for burn in reading.burn_rates}
    ours[objective.window_minutes] = reading.bad_ratio or 0

    theirs = {minutes: asked(prometheus, bad_ratio(objective, minutes=minutes)) for minutes in ours}

    # A window begins and ends between two scrapes, for each of the two at other moments.
    assert ours == {minutes: pytest.approx(ratio, rel=0.05, abs=0.005) for minutes, ratio in theirs.items()}
    assert set(BURN_MINUTES) < set(ours)


def test_fresh_minutes_are_those_that_prometheus_sees(
    recorded: tuple[dict[tuple[str, str], BudgetReading], Path], prometheus: str
) -> None:
    """The rule of the state is a recorded one; here its history is the gauge's own."""
    reading = recorded[0]["kpi-freshness", "production"]
    gauge = "max without (instance, pod) (portal_rollup_lag_seconds) < bool 60"

    for burn in reading.burn_rates[:2]:
        theirs = asked(prometheus, f"1 - avg_over_time(({gauge})[{burn.minutes}m:1m])")
        ours = (burn.rate or 0) * reading.objective.budget
        assert ours == pytest.approx(theirs, abs=1.5 / burn.minutes)
