"""Whatever is posted to /v1/traces: it is answered, and nothing is kept of what is not listed."""

import logging
from collections import Counter

import pytest
from django.db import connection
from django.test import Client, RequestFactory

from telemetry.door import throttling
from telemetry.door.protocols.otlp.views import TracesView
from telemetry.models import QuarantinedEvent, RawEvent
from tests.oracle.profiles import SCALE
from tests.telemetry.door.protocols.otlp.strange_bodies import MARKER, StrangeRequest, strange_requests
from tests.telemetry.posts import send

PATH = "/v1/traces"
view = TracesView.as_view()
# PostgreSQL takes longer for each, and differs in few of them.
COUNTS = {"sqlite": 5_000 * SCALE, "postgresql": 1_000 * SCALE}


class MarkedLines(logging.Handler):
    """The log lines with the marker in them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.formatter = logging.Formatter("%(name)s %(message)s")
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{self.format(record)} {record.__dict__}"
        if MARKER in line:
            self.found.append(line)


@pytest.mark.django_db
def test_strange_bodies_have_an_answer_and_leave_nothing_that_is_not_listed(
    secret: str, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "take_token", lambda *_, **__: 0)
    lines = MarkedLines()
    logging.getLogger().addHandler(lines)
    statuses: Counter[int] = Counter()

    for number, request in enumerate(strange_requests(seed=7, count=COUNTS[connection.vendor])):
        ask = through_everything if number % 10 == 0 else at_the_view
        status, content = ask(request, secret=secret)
        statuses[status] += 1
        assert MARKER.encode() not in content, request
    logging.getLogger().removeHandler(lines)

    assert set(statuses) == {200, 400, 415}
    assert min(RawEvent.objects.count(), QuarantinedEvent.objects.count()) > COUNTS[connection.vendor] // 100
    assert lines.found == []
    assert tables_with_the_marker() == []
    recent = send(method="GET", path="/api/ingest/recent/", HTTP_AUTHORIZATION=f"Bearer {secret}")
    quarantine = admin_client.get("/admin/telemetry/quarantinedevent/")
    raw_events = admin_client.get("/admin/telemetry/rawevent/")
    for page in (recent, quarantine, raw_events):
        assert page.status_code == 200
        assert MARKER.encode() not in page.content


def through_everything(request: StrangeRequest, *, secret: str) -> tuple[int, bytes]:
    answer = send(
        request.body, path=PATH, CONTENT_TYPE=request.content_type, **headers_of(request, secret=secret)
    )
    return answer.status_code, answer.content


def at_the_view(request: StrangeRequest, *, secret: str) -> tuple[int, bytes]:
    """Without the middleware, which takes most of the time; what the view raises is raised here."""
    headers = headers_of(request, secret=secret)
    posted = RequestFactory().generic("POST", PATH, request.body, request.content_type, **headers)
    answer = view(posted)
    return answer.status_code, answer.content


def headers_of(request: StrangeRequest, *, secret: str) -> dict[str, str]:
    return {"HTTP_CONTENT_ENCODING": request.encoding, "HTTP_AUTHORIZATION": f"Bearer {secret}"}


def tables_with_the_marker() -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            if any(MARKER in str(row) for row in cursor):
                found.append(table)
    return found
