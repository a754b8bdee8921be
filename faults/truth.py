"""What is in a portal's tables, and whether its KPIs are what brute force makes of them."""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg

from faults.programs import Portal, wait_until
from tests.oracle.compute import AcceptedEvent, Row, expected_rows

SETTLE_SECONDS = 60
# The default of COST_USD_PER_MINUTE.
RATE = 0.01
ZONE = "UTC"
MICRO = 1_000_000
# docs/kpis.md says how near a percentile is to the true one.
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
PERCENTILE_TOLERANCE = 0.01

EVENTS = (
    "SELECT event_key, event_id, event, session_id, occurred_at, properties "
    "FROM telemetry_rawevent WHERE environment = '{environment}'"
)
UNFINISHED = (
    "SELECT (SELECT count(*) FROM telemetry_arrival WHERE taken_at IS NULL) "
    "+ (SELECT count(*) FROM workbench_touchedbucket)"
)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What became of a fault's events: `lost` were answered and are not there, `doubled` are there twice."""

    accepted: int
    rows: int
    lost: int
    doubled: int
    wrong_kpis: Sequence[str]


def find_truth(portal: Portal, *, environment: str, settled: set[str]) -> Truth:
    """Waits until all is folded, SETTLE_SECONDS at most. `settled`: ids of the events that were answered."""
    is_folded = wait_until(lambda: query(portal, UNFINISHED)[0][0] == 0, seconds=SETTLE_SECONDS, pause=0.3)
    rows = query(portal, EVENTS.format(environment=environment))
    events = [as_event(row, environment=environment) for row in rows]
    key = portal.prepared["keys"][environment]["read"]
    wrong = wrong_kpis(portal, events=events, key=key) if is_folded else ["not all is folded"]
    return compare(Counter(row[1] for row in rows), settled=settled, wrong_kpis=wrong)


def compare(stored: Counter[str], *, settled: set[str], wrong_kpis: Sequence[str]) -> Truth:
    """`stored`: how often each id is in the table."""
    return Truth(
        accepted=len(settled),
        rows=stored.total(),
        lost=len(settled - stored.keys()),
        doubled=stored.total() - len(stored),
        wrong_kpis=wrong_kpis,
    )


def query(portal: Portal, statement: str) -> list[tuple[Any, ...]]:
    if portal.database_url:
        with psycopg.connect(portal.database_url, connect_timeout=20) as connection:
            return connection.execute(statement.encode()).fetchall()
    with closing(sqlite3.connect(portal.data_dir / "portal.sqlite3", timeout=20)) as connection:
        return connection.execute(statement).fetchall()


def as_event(row: tuple[Any, ...], *, environment: str) -> AcceptedEvent:
    event_key, _, event, session_id, occurred_at, properties = row
    if isinstance(occurred_at, str):
        occurred_at = datetime.fromisoformat(occurred_at).replace(tzinfo=UTC)
    return AcceptedEvent(
        environment=environment,
        event_key=event_key if isinstance(event_key, UUID) else UUID(event_key),
        event=event,
        session_id=session_id,
        occurred_at=occurred_at.astimezone(UTC),
        properties=json.loads(properties) if isinstance(properties, str) else properties,
    )


# KPIs -----------------------------------------------------------------------------------------------------


def wrong_kpis(portal: Portal, *, events: Sequence[AcceptedEvent], key: str) -> list[str]:
    """The KPIs whose answer over the API is not what the events say."""
    today = datetime.now(UTC).date()
    status, body = portal.get(f"/api/kpis/?{range_around(today)}", key=key, timeout=20)
    if status != 200:
        return [f"/api/kpis/ answers {status}"]
    totals = brute_force(events)
    nothing = Row(0, 0)
    return [
        kpi["kpi"]
        for kpi in json.loads(body)["kpis"]
        if not is_equal(kpi, expected=totals.get(kpi["kpi"], nothing))
    ]


def range_around(today: date) -> str:
    """The query of a range that holds all events of the campaign, also over midnight."""
    return urlencode({"from": today - timedelta(days=3), "to": today + timedelta(days=1)})


def brute_force(events: Sequence[AcceptedEvent]) -> Mapping[str, Row]:
    """The sums of each KPI over all its buckets."""
    totals: dict[str, Row] = {}
    for (kpi, _, _, dimension, _), row in expected_rows(events, entered=(), rate=RATE, zone=ZONE).items():
        if not dimension:
            known = totals.get(kpi, Row(0, 0))
            totals[kpi] = Row(
                known.numerator + row.numerator,
                known.denominator + row.denominator,
                known.durations + row.durations,
            )
    return totals


def is_equal(answered: Mapping[str, Any], *, expected: Row) -> bool:
    if "count" in answered:
        return (
            answered["count"] == expected.denominator
            and math.isclose(answered["sum_seconds"], expected.numerator / MICRO, abs_tol=1e-6)
            and all(is_near(answered[name], expected, at) for name, at in PERCENTILES.items())
        )
    scale = MICRO if answered["unit"] == "usd" else 1
    is_same_sum = math.isclose(answered["numerator"], expected.numerator / scale, abs_tol=1e-6)
    return is_same_sum and bool(answered["denominator"] == expected.denominator)


def is_near(answered: float | None, expected: Row, fraction: float) -> bool:
    """Whether a percentile lies between the two measured durations around it, or within 1 % of them."""
    if not expected.durations or answered is None:
        return not expected.durations and answered is None
    ordered = sorted(expected.durations)
    position = fraction * (len(ordered) - 1)
    below, above = ordered[math.floor(position)] / MICRO, ordered[math.ceil(position)] / MICRO
    return below * (1 - PERCENTILE_TOLERANCE) <= answered <= above * (1 + PERCENTILE_TOLERANCE)
