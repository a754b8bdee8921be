"""Every number of a KPI's page is the API's, and the scrape's: for every KPI, granularity and breakdown."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import unescape
from itertools import islice, product
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.events import make_events
from kpis.compute import rollup
from kpis.formatting import DASH, count_text, interval_text, value_text
from kpis.reading.periods import Granularity
from kpis.reading.windows import WINDOWS
from kpis.registry import DEFINITIONS, Kind, Kpi
from metrics.collector import snapshots
from telemetry.intake.ingest import ingest_events
from telemetry.plan.schema import MAX_BATCH_EVENTS
from tests.builders import issue_key

PAGE_GRANULARITIES = [granularity for granularity in Granularity if granularity is not Granularity.TOTAL]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

EVENTS = 3_000
DAYS = 3
RANGE = {"from": "2026-02-12", "to": "2026-02-16"}
SHORT_REASONS = {"no_events": "no events", "not_measurable": "not measurable"}
VIEWS = [
    (kpi, granularity, breakdown)
    for kpi in DEFINITIONS
    for granularity, breakdown in product(PAGE_GRANULARITIES, ("", *kpi.dimensions))
]


@pytest.fixture
def filled(reader: Client, now: datetime) -> Client:
    """A reader of an environment with three busy days."""
    key, _ = issue_key()
    events = make_events(EVENTS, seed=1, start=now - timedelta(days=DAYS), end=now)
    while batch := list(islice(events, MAX_BATCH_EVENTS)):
        ingest_events(batch, key=key, now=now)
    rollup.bring_up_to_date(now=now)
    return reader


def name_of(kpi: Kpi, granularity: Granularity, breakdown: str) -> str:
    return f"{kpi.slug} by {granularity.value}, {breakdown or 'whole'}"


def test_the_page_shows_what_the_api_answers(filled: Client) -> None:
    shown = {name_of(*view): on_page(filled, *view) for view in VIEWS}
    answered = {name_of(*view): in_api(filled, *view) for view in VIEWS}

    assert shown == answered
    # A table and a breakdown that were not found would be equal too.
    assert min(len(rows) for rows in shown.values()) > 0
    assert len(answered) > 3 * len(DEFINITIONS)


def test_the_scrape_has_what_the_api_answers(filled: Client, now: datetime) -> None:
    snapshots.forget()
    text = filled.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    scraped = {
        (sample.labels["kpi"], sample.labels["window"]): sample.value
        for family in text_string_to_metric_families(text)
        if family.name == "workbench_kpi_value"
        for sample in family.samples
    }
    answered = {
        (kpi["kpi"], window): kpi["value"]
        for window, days in WINDOWS.items()
        for kpi in list_of_days(filled, days, until=now)
        if kpi["value"] is not None
    }

    assert scraped == pytest.approx(answered)
    assert len(scraped) > 2 * len(DEFINITIONS)


def list_of_days(client: Client, days: int, *, until: datetime) -> Any:
    first, end = ((until + timedelta(days=number)).date().isoformat() for number in (1 - days, 1))
    return answer(client, "/api/kpis/", **{"from": first, "to": end})["kpis"]


def answer(client: Client, path: str, **query: str) -> Any:
    response = client.get(path, {"environment": "production", **query})
    assert response.status_code == 200, response.content
    return response.json()


def on_page(client: Client, kpi: Kpi, granularity: Granularity, breakdown: str) -> list[list[str]]:
    """The rows of the table, newest first, and of the breakdown."""
    query = {**RANGE, "granularity": granularity.value, "breakdown": breakdown, "compare": "none"}
    page = client.get(f"/kpis/{kpi.slug}/", {"environment": "production", **query}).content.decode()
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", page.partition('<h2 id="data">')[2])
    values = re.findall(r'<span class="slice-value">(.*?)<svg', page, re.DOTALL)
    return [*(cells(row) for row in rows), *([plain(value)] for value in values)]


def cells(row: str) -> list[str]:
    """All but the period's name, the target and the verdict."""
    return [plain(cell) for cell in re.findall(r"<td>(.*?)</td>", row)][:-2]


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def in_api(client: Client, kpi: Kpi, granularity: Granularity, breakdown: str) -> list[list[str]]:
    found = answer(
        client,
        f"/api/kpis/{kpi.slug}/",
        granularity=granularity.value,
        **RANGE,
        **({"breakdown": breakdown} if breakdown else {}),
    )
    periods = [list(period_cells(period, kpi=kpi)) for period in reversed(found["series"])]
    slices = [[slice_text(part["total"], kpi=kpi)] for part in found.get("breakdown", [])]
    # Spaces that do not break, too.
    return [[" ".join(cell.split()) for cell in row] for row in (*periods, *slices)]


def period_cells(found: Mapping[str, Any], *, kpi: Kpi) -> Iterator[str]:
    """As the columns of the page's table are: value, interval, counts, mean, other percentiles."""
    yield shown_value(found, kpi=kpi)
    if kpi.kind is not Kind.SUM:
        yield interval_of(found, kpi=kpi) or DASH
    if kpi.kind is Kind.RATIO:
        yield count_text(found["numerator"])
    yield count_text(found["count" if kpi.kind is Kind.DURATION else "denominator"])
    if kpi.kind is Kind.SUM:
        yield value_text(
            found["numerator"] / found["denominator"] if found["denominator"] else None, unit=kpi.unit
        )
    if kpi.kind is Kind.DURATION:
        yield value_text(found["mean"], unit=kpi.unit)
        others = [name for name in ("p50", "p75", "p90", "p95", "p99") if name != kpi.percentile_name]
        yield from (value_text(found[name], unit=kpi.unit) for name in others)


def shown_value(found: Mapping[str, Any], *, kpi: Kpi) -> str:
    return SHORT_REASONS.get(found.get("reason", ""), value_text(found["value"], unit=kpi.unit))


def interval_of(found: Mapping[str, Any], *, kpi: Kpi) -> str:
    interval = found["interval"]
    return interval_text(interval["low"], interval["high"], unit=kpi.unit) if interval else ""


def slice_text(total: Mapping[str, Any], *, kpi: Kpi) -> str:
    interval = interval_of(total, kpi=kpi)
    return shown_value(total, kpi=kpi) + (f" 95% interval: ({interval})" if interval else "")
