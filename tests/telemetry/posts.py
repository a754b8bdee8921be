"""Events and posts as clients make them, with defaults that are accepted."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from config.wsgi import application
from telemetry.intake.storage import EventRow, PostedRows, QuarantineRow
from tests.telemetry.builders import MISSING, make_event

URL = "/api/workbench/telemetry"


def event(
    name: str = "workbench.draft_created",
    *,
    at: datetime | str = "2026-02-15T11:00:00Z",
    event_id: str | None = None,
    session_id: str = "s-1",
    **properties: object,
) -> dict[str, Any]:
    return make_event(
        name,
        id=MISSING if event_id is None else event_id,
        sessionId=session_id,
        timestamp=at if isinstance(at, str) else at.isoformat(),
        **({"properties": properties} if properties else {}),
    )


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class Answer:
    """A response as it left the WSGI application."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@contextmanager
def open_connections() -> Iterator[None]:
    """A request in a test leaves the connection open that the test's own transaction is in."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def send(
    body: bytes = b"", *, method: str = "POST", path: str = URL, query: str = "", **environ: str
) -> Answer:
    """Call the portal's own WSGI application, as a server does: what raises there is a test's failure."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    request = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": StringIO(),
        **environ,
    }
    with open_connections():
        response = application(request, lambda status, headers, *_: started.append((status, headers)))
        content = b"".join(response)
        response.close()
    status, headers = started[0]
    return Answer(int(status.split()[0]), dict(headers), content)


def post(
    body: object = None,
    *,
    secret: str = "",
    content_type: str = "application/json",
    query: str = "",
    **environ: str,
) -> Answer:
    """Post bytes as they are, and anything else as JSON, to the door."""
    sent = body if isinstance(body, bytes) else raw(body)
    credentials = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} if secret else {}
    return send(sent, query=query, **{"CONTENT_TYPE": content_type, **credentials, **environ})


def row(
    *, at: datetime, event_key: str | None = None, properties: str = '{"source":"chat"}', event_id: str = ""
) -> EventRow:
    """A checked event on its way to the database."""
    return (
        at.date(),
        event_key or uuid.uuid4().hex,
        "workbench.draft_created",
        event_id,
        "s-1",
        at,
        properties,
    )


def batch_of(*rows: EventRow, repeats: int = 0, quarantined: Sequence[QuarantineRow] = ()) -> PostedRows:
    return PostedRows(rows=rows, repeats=repeats, quarantined=quarantined, rejected={})
