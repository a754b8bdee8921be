"""What Alertmanager posts, and what becomes of it."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from alerts.models import Alert
from telemetry.models import Scope
from tests.alerts.builders import HOUR, NEVER, message, posted
from tests.builders import NOW, make_secret, table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

Post = Callable[..., HttpResponse]
COLUMNS = ("fingerprint", "started_at", "ended_at", "expires_at")
LIFETIME = 25 * HOUR


@pytest.fixture
def post(client: Client) -> Post:
    secret = make_secret(scope=Scope.ALERTS)

    def post(body: Any, **more: Any) -> HttpResponse:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {secret}"}
        options = {"content_type": "application/json", "headers": headers} | more
        return client.post("/api/alerts/webhook/", text, **options)

    return post


def test_an_alert_is_stored_with_its_labels_and_texts(post: Post) -> None:
    answer = post(message(posted()))

    assert (answer.status_code, answer.json()) == (200, {"firing": 1, "resolved": 0})
    assert Alert.objects.values().get() == {
        "id": Alert.objects.get().pk,
        "source": "alertmanager",
        "fingerprint": "0000000000000001",
        "name": "KpiOffTarget",
        "severity": "ticket",
        "environment": "production",
        "kpi": "approval-rate",
        "labels": posted()["labels"],
        "summary": "Approvals are off target",
        "description": "40 % over 7 days; the target is 80 %.",
        "runbook_url": "https://runbooks.example.com/kpis#off-target",
        "started_at": NOW,
        "ended_at": None,
        "expires_at": NOW + LIFETIME,
        "unseen_since": None,
    }


def test_resolved_closes_it_and_resends_change_nothing(post: Post) -> None:
    end = NOW + HOUR
    for alert in (posted(), posted(), posted(end=end), posted(end=end), posted()):
        post(message(alert))

    assert table(Alert, *COLUMNS) == [("0000000000000001", NOW, end, NOW + LIFETIME)]


def test_messages_end_right_in_any_order(post: Post) -> None:
    """Two times that one alert fires, of the first of which no end came, and another alert."""
    first, again = NOW - HOUR, NOW - HOUR / 2
    alerts = [
        posted(start=first),
        posted(start=again),
        posted(start=again, end=again + HOUR),
        posted(2, end=NOW + HOUR),
    ]
    expected = [
        ("0000000000000001", first, None, again),
        ("0000000000000001", again, again + HOUR, NOW + LIFETIME),
        ("0000000000000002", NOW, NOW + HOUR, NOW + HOUR),
    ]

    ends = []
    for order in permutations(alerts):
        Alert.objects.all().delete()
        for alert in order:
            post(message(alert))
        ends.append(table(Alert, *COLUMNS))

    assert ends == [expected] * len(ends)


def test_three_starts_of_one_alert_follow_each_other_in_any_order(post: Post) -> None:
    starts = [NOW - hours * HOUR for hours in (3, 2, 1)]

    for order in permutations(starts):
        Alert.objects.all().delete()
        for start in order:
            post(message(posted(start=start)))

        assert list(Alert.objects.order_by("started_at").values_list("started_at", "expires_at")) == [
            (starts[0], starts[1]),
            (starts[1], starts[2]),
            (starts[2], NOW + LIFETIME),
        ]


def test_an_end_that_is_announced_counts_unless_it_moves(post: Post) -> None:
    post(message(posted(endsAt=(NOW + HOUR).isoformat())))
    post(message(posted(endsAt=(NOW + 2 * HOUR).isoformat())))

    assert table(Alert, *COLUMNS) == [("0000000000000001", NOW, None, NOW + 2 * HOUR)]


def test_no_alert_fires_for_ever(post: Post) -> None:
    post(message(posted(endsAt="9999-12-31T23:00:00Z")))

    assert Alert.objects.get().expires_at == NOW + LIFETIME


def test_what_is_resolved_without_a_moment_is_over_now(post: Post) -> None:
    post(message(posted(start=NOW - HOUR, status="resolved", endsAt=NEVER)))

    assert Alert.objects.get().ended_at == NOW


def test_long_and_unreadable_texts_are_cut(post: Post) -> None:
    labels = {f"label{number:02}": "x" * 300 for number in range(40)} | {"kpi": "k" * 100}
    annotations = {
        "summary": "a\0b" + "s" * 400,
        "description": "d" * 3000,
        "runbook_url": "javascript:alert(1)",
    }

    assert post(message(posted(labels=labels, annotations=annotations))).status_code == 200

    alert = Alert.objects.get()
    assert alert.summary.startswith("a\N{REPLACEMENT CHARACTER}bs")
    assert (len(alert.summary), len(alert.description), len(alert.kpi)) == (300, 2000, 64)
    assert (len(alert.labels), {len(value) for value in alert.labels.values()}) == (32, {12, 10, 100, 200})
    assert alert.runbook_url == ""


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com/a#b", True),
        ("http://10.0.0.1/x", True),
        ("/runbooks/portal/#no-events", True),
        ("//example.com/a", False),
        ("data:text/html,x", False),
        ("https:///x", False),
        ("http://[/", False),
        ("docs/runbooks/health.md", False),
        ("https://example.com/" + "a" * 500, False),
    ],
)
def test_only_addresses_of_pages_are_linked(post: Post, url: str, kept: bool) -> None:
    post(message(posted(annotations={"runbook_url": url})))

    assert bool(Alert.objects.get().runbook_url) is kept


TOO_FAR = NOW + timedelta(hours=1, seconds=1)


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        (b" ", 400, "bad_json", ""),
        (b"[" * 2000, 400, "bad_json", ""),
        (b'{"version": "4", "version": "4", "alerts": []}', 400, "bad_json", ""),
        ([], 400, "wrong_shape", ""),
        (message(version="3"), 400, "wrong_shape", "`$.version`"),
        ({"version": "4"}, 400, "wrong_shape", ""),
        (message(posted(status="odd")), 400, "wrong_shape", "`$.alerts[0].status`"),
        (message(posted(), posted(labels={"a": 1})), 400, "wrong_shape", "`$.alerts[1].labels[...]`"),
        (message(posted(labels={"alertname": ""})), 400, "wrong_shape", "$.alerts[0]"),
        (message(posted(fingerprint="../x")), 400, "wrong_shape", "fingerprint"),
        (message(posted(fingerprint="f" * 64 + "\n")), 400, "wrong_shape", "fingerprint"),
        (message(posted(startsAt="yesterday")), 400, "wrong_shape", "startsAt"),
        (message(posted(startsAt="2026-02-15T12:00:00")), 400, "wrong_shape", "startsAt"),
        (message(posted(startsAt=NEVER)), 400, "bad_moment", "startsAt"),
        (message(posted(start=TOO_FAR)), 400, "bad_moment", "startsAt"),
        (message(posted(end=NOW - HOUR)), 400, "bad_moment", "endsAt"),
        (message(posted(end=TOO_FAR)), 400, "bad_moment", "endsAt"),
        (message(posted(startsAt="9999-12-31T23:59:59-01:00")), 400, "bad_moment", "startsAt"),
        (message(posted(endsAt="9999-12-31T23:59:59-01:00")), 400, "bad_moment", "endsAt"),
        (message(*[posted()] * 1001), 413, "too_many_alerts", "max_alerts"),
        (b" " * (1024 * 1024 + 1), 413, "body_too_large", ""),
    ],
)
def test_anything_else_is_refused_whole(post: Post, body: Any, status: int, code: str, part: str) -> None:
    answer = post(body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert part in answer.json()["message"]
    assert not Alert.objects.exists()


def test_the_clock_of_alertmanager_may_be_an_hour_ahead(post: Post) -> None:
    assert post(message(posted(start=NOW + HOUR))).status_code == 200


def test_only_json_is_taken_also_compressed(post: Post) -> None:
    body = json.dumps(message(posted())).encode()

    statuses = [
        post(body, content_type="text/plain").status_code,
        post(gzip.compress(body), HTTP_CONTENT_ENCODING="gzip").status_code,
        post(b"no gzip", HTTP_CONTENT_ENCODING="gzip").status_code,
    ]

    assert statuses == [415, 200, 400]


@pytest.mark.parametrize("scope", [scope for scope in Scope.values if scope != Scope.ALERTS])
def test_a_key_of_another_scope_reports_nothing(post: Post, scope: str) -> None:
    headers = {"Authorization": f"Bearer {make_secret(scope=scope)}"}

    answer = post(message(posted()), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_scope")


def test_a_stranger_reports_nothing(post: Post) -> None:
    assert post(message(posted()), headers={}).status_code == 401
    assert not Alert.objects.exists()


def test_a_key_has_its_rate(client: Client) -> None:
    secret = make_secret(scope=Scope.ALERTS, requests_per_minute=1)
    headers = {"Authorization": f"Bearer {secret}"}

    statuses = [
        client.post(
            "/api/alerts/webhook/", b"{}", content_type="application/json", headers=headers
        ).status_code
        for _ in range(3)
    ]

    assert statuses[-1] == 429


def test_a_message_of_many_alerts_costs_few_statements_each(
    post: Post, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12 + 10 * 10):
        post(message(*[posted(number) for number in range(10)]))

    assert Alert.objects.count() == 10
