"""Announced maintenance: what it explains is held back for as long as it explains it, and nothing else is."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.breach.pace import Pace
from benchmarks.breach.stack import running_alertmanager, seconds_until
from metrics.rules.promql import window_text
from objectives.definitions import BURN_WINDOWS
from tests.metrics.rules.cases import POSTS
from tests.metrics.rules.test_alerts import needed_rules
from tests.metrics.rules.test_configurations import tool
from tests.webhooks import Chat, webhook

WINDOWS = [window_text(window.long_minutes) for window in BURN_WINDOWS]
# Minutes: an hour of good posts, twenty in which all are refused, and so long until every window has forgotten.
BEFORE, DURING, AFTER = 60, 20, 370
TOTAL = 'portal_http_request_duration_seconds_count{%s,status_family="%s"}'
BURNING, EXPLAINED = (
    f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    for name in ("IngestAvailabilityBurning", "MaintenanceOn")
)
THROUGHOUT = f"[{BEFORE + DURING + AFTER}m:1m]"


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("question", "windows"),
    [
        (f"count_over_time(({BURNING}){THROUGHOUT})", 4),
        (f"count_over_time(({BURNING} unless on (window) {EXPLAINED}){THROUGHOUT})", 0),
    ],
    ids=["every window burns", "none burns without its source"],
)
def test_what_explains_an_alert_lasts_as_long_as_the_alert(
    tmp_path: Path, question: str, windows: int
) -> None:
    tried = {(name, window) for name in ("IngestAvailabilityBurning", "MaintenanceOn") for window in WINDOWS}
    rules, tests = tmp_path / "rules.yaml", tmp_path / "test.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": needed_rules(tried)}]}))
    unit_test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in refused_posts().items()],
        "promql_expr_test": [
            {
                "expr": f"count({question}) or vector(0)",
                "eval_time": f"{BEFORE + DURING + AFTER}m",
                "exp_samples": [{"labels": "{}", "value": windows}],
            }
        ],
    }
    tests.write_text(
        yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [unit_test]})
    )

    assert "SUCCESS" in tool("promtool", "test", "rules", tests)


def refused_posts() -> dict[str, str]:
    """Maintenance begins and ends between two scrapes: the first one with it has five refused posts already."""
    accepted, refused = 10 * BEFORE, 10 * DURING
    return {
        "portal_maintenance": f"0x{BEFORE - 1} 1x{DURING - 1} 0x{AFTER}",
        TOTAL % (POSTS, "2xx"): f"0+10x{BEFORE} {accepted}x{DURING} {accepted}+10x{AFTER}",
        TOTAL % (POSTS, "5xx"): f"0x{BEFORE - 1} 5+10x{DURING - 1} {refused + 5}x{AFTER}",
    }


HASTE = Pace(factor=10)

# Alertmanager ---------------------------------------------------------------------------------------------

ON = [{"alertname": "MaintenanceOn", "severity": "none", "window": "1h"}]
NOTHING_COMES = [{"alertname": "MaintenanceOn", "severity": "none"}]
PAGE, TICKET = {"severity": "page"}, {"severity": "ticket"}
HELD_BACK = [
    {"alertname": "IngestAvailabilityBurning", "objective": "ingest-availability", "window": "1h", **PAGE},
    {"alertname": "NoEvents", "environment": "production", **TICKET},
    {"alertname": "AppServerThroughputDrop", "environment": "production", **PAGE},
]
TOLD = [
    # Its source has ended, so it is bad now.
    {"alertname": "IngestAvailabilityBurning", "objective": "ingest-availability", "window": "6h", **PAGE},
    {"alertname": "IngestLatencyBurning", "objective": "ingest-latency", "window": "1h", **PAGE},
    {"alertname": "QuarantineGrowing", "environment": "production", **TICKET},
    {"alertname": "MaintenanceLeftOn", **TICKET},
    {"alertname": "PortalDown", "job": "portal", **PAGE},
]


@pytest.fixture
def chat() -> Iterator[Chat]:
    with webhook() as chat:
        yield chat


@pytest.mark.alertmanager
def test_alertmanager_holds_back_what_maintenance_explains_and_tells_the_rest(
    tmp_path: Path, chat: Chat
) -> None:
    portal = int(chat.url.rpartition(":")[2])
    with running_alertmanager(tmp_path, portal_port=portal, chat=chat, key="k", pace=HASTE) as port:
        url = f"http://127.0.0.1:{port}/api/v2/alerts"
        now = datetime.now(UTC).isoformat()
        fired = [*ON, *NOTHING_COMES, *HELD_BACK, *TOLD]
        ask(url, body=[{"labels": labels, "startsAt": now} for labels in fired])
        seconds_until(lambda: told(chat) == names(TOLD), at_most=60)
        held_back = [alert["labels"] for alert in ask(url) if alert["status"]["state"] == "suppressed"]

    assert sorted(map(sorted_labels, held_back)) == sorted(map(sorted_labels, HELD_BACK))
    assert told(chat) == names(TOLD)


def ask(url: str, *, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def told(chat: Chat) -> set[tuple[str, str]]:
    """What the portal was told, as it stands in for every receiver."""
    alerts = [alert["labels"] for post in chat.posts for alert in post.get("alerts", [])]
    return names(alerts)


def sorted_labels(labels: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(labels.items())


def names(alerts: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(alert["alertname"], alert.get("window", "")) for alert in alerts}
