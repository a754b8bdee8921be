"""What requests and tasks leave in the log: no key and no row of the database, by whatever way they fail."""

import io
import json
import logging
import logging.config
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from celery import shared_task
from celery.app.trace import build_tracer
from celery.signals import task_postrun, task_prerun
from django.conf import settings as django_settings
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.test import Client
from granian.log import LogLevels, configure_logging, log_request_builder
from pytest_django import Settings

from config.celery import app, task_begins, task_ended
from config.logs import JsonFormatter
from telemetry.models import Arrival, Environment
from tests.routes import all_routes

SECRET = "wb_ingest_" + "Zx9-" * 10 + "Zx9"
FOREIGN = "phc_" + "Zx9-" * 10
MARKER = "Zx9-Zx9"


class Failing:
    """A middleware with which every view fails and quotes its request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> None:
        headers = dict(request.headers)
        logging.getLogger("telemetry").warning("Failed at %s with %s", request.get_full_path(), headers)
        raise RuntimeError(f"{request.get_full_path()} {headers}")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, debug lines included, as the portal writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    chatty = [
        logging.getLogger(name) for name in ("django", "django.request", "celery.app.trace", "telemetry")
    ]
    levels = [logger.level for logger in chatty]
    root.addHandler(handler)
    for logger in chatty:
        logger.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    for logger, level in zip(chatty, levels, strict=True):
        logger.setLevel(level)


def paths() -> set[str]:
    """Each path once: few have a key in them. The admin leads strangers away from all tables alike: one is enough."""
    found = {
        route.path
        for key in (SECRET, FOREIGN)
        for route in all_routes(parts={"token": key, "write_key": key})
    }
    pages_of_tables = {re.sub(r"^/admin/\w+/\w+/", "/admin/*/", path): path for path in sorted(found)}
    return set(pages_of_tables.values())


def ask_everywhere(path: str) -> None:
    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {SECRET}", "X-Workbench-Key": SECRET, "X-Request-ID": SECRET}
    for suffix in ("", f"/{SECRET}", "\0"):
        for method in ("get", "post", "put"):
            client.generic(method, f"{path}{suffix}?key={SECRET}&token={FOREIGN}", b"{", headers=headers)
    client.get(path, headers={**headers, "Host": SECRET})
    client.get(path, headers={"Authorization": f"Basic {MARKER}{MARKER}"})


# The database takes no part in what a request leaves in the log.
@pytest.mark.only_on("sqlite")
@pytest.mark.django_db
@pytest.mark.parametrize("fails", [False, True], ids=["", "failing"])
def test_no_request_leaves_a_key_in_the_log(fails: bool, log: io.StringIO, settings: Settings) -> None:
    if fails:
        settings.MIDDLEWARE = [*django_settings.MIDDLEWARE, f"{__name__}.Failing"]

    for path in paths():
        ask_everywhere(path)

    assert ("RuntimeError" in log.getvalue()) is fails
    assert MARKER not in log.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"wb%5Fread%5F{MARKER}",
        f"{{'Authorization': 'Bearer {MARKER}'}}",
        f"authorization=Token {SECRET}",
        f"X-Workbench-Key: {MARKER}",
        f"Basic {MARKER}",
        f"GET /array/{MARKER}/config?x=1 and /v1/projects/{MARKER}/settings",
        f"?key={MARKER}&api_key={MARKER}",
        f"GET /shared/{MARKER}/ and /embed/{MARKER}/",
        f"POST /digests/unsubscribe/{MARKER}/",
        f"GET /invitations/{MARKER}/ and /password/reset/1-{MARKER}/",
        f"/login/sso/callback/?code={MARKER}&state={MARKER}",
    ],
)
def test_a_key_is_masked_wherever_it_stands(text: str, log: io.StringIO) -> None:
    logging.getLogger("telemetry").error("%s", text)
    logging.getLogger("telemetry").error(text)
    logging.getLogger("telemetry").error("%(text)s", {"text": text})

    assert log.getvalue().count("…".encode("ascii", "backslashreplace").decode()) >= 3
    assert MARKER not in log.getvalue()


# What tasks say ------------------------------------------------------------------------------------------


@shared_task(name="tests.break_a_constraint")
def break_a_constraint() -> None:
    Arrival.objects.create(
        key_id=1, environment=MARKER, source=MARKER, received_at=datetime.now(UTC), accepted=-5, duplicates=0
    )


@shared_task(name="tests.repeat_a_key")
def repeat_a_key() -> None:
    Environment.objects.create(name=MARKER)
    Environment.objects.create(name=MARKER)


@shared_task(name="tests.send_bad_data")
def send_bad_data() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int" if connection.vendor == "postgresql" else "SELECT json(%s)", [MARKER])


@contextmanager
def open_connections_of_tasks() -> Iterator[None]:
    """A task in a test leaves the connection open that the test's own transaction is in."""
    task_prerun.disconnect(task_begins)
    task_postrun.disconnect(task_ended)
    yield
    task_prerun.connect(task_begins)
    task_postrun.connect(task_ended)


TASKS = [break_a_constraint, repeat_a_key, send_bad_data]


@pytest.mark.django_db
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("way", ["eager", "worker"])
def test_a_task_that_fails_leaves_no_row_in_the_log(task: object, way: str, log: io.StringIO) -> None:
    if way == "eager":
        with open_connections_of_tasks():
            task.apply(task_id="task-1")  # type: ignore[attr-defined]
    else:
        trace = build_tracer(task.name, task, app=app)  # type: ignore[attr-defined]
        trace("task-1", (), {}, {"id": "task-1", "task": task.name, "is_eager": False})  # type: ignore[attr-defined]

    line = next(json.loads(each) for each in log.getvalue().splitlines() if "task-1" in each)
    assert MARKER not in log.getvalue()
    assert line["exception"]["type"] in {"IntegrityError", "DataError", "OperationalError"}
    assert any("test_logs_of_requests.py" in frame for frame in line["exception"]["frames"])


@pytest.mark.django_db
def test_a_view_that_fails_in_the_database_leaves_no_row_in_the_log(
    log: io.StringIO, settings: Settings
) -> None:
    settings.MIDDLEWARE = [*django_settings.MIDDLEWARE, f"{__name__}.Breaking"]

    answer = Client(raise_request_exception=False).get("/login/", headers={"X-Request-ID": "request-1"})

    line = next(json.loads(each) for each in log.getvalue().splitlines() if "IntegrityError" in each)
    assert (answer.status_code, line["request_id"]) == (500, "request-1")
    assert MARKER not in log.getvalue()


class Breaking(Failing):
    """A middleware with which every view breaks a constraint."""

    def process_view(self, request: HttpRequest, *_: object) -> None:
        repeat_a_key()


@pytest.fixture
def _web_worker_loggers() -> None:
    """Granian sets its loggers up before Django does."""
    configure_logging(LogLevels.warning)
    loggers = {name: django_settings.LOGGING["loggers"][name] for name in ("_granian", "granian.access")}
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "loggers": loggers})


@pytest.mark.usefixtures("_web_worker_loggers")
@pytest.mark.parametrize(
    "form",
    ["%(path)s?%(query_string)s", "%(query_string)s", "%(header{authorization})s", "%(header{x-api-key})s"],
)
def test_the_web_servers_own_lines_show_no_key(
    form: str, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    headers = {"authorization": f"Bearer {FOREIGN}", "x-api-key": SECRET}
    request = {
        "addr_remote": "127.0.0.1",
        "protocol": "HTTP/1.1",
        "path": f"/array/{FOREIGN}/config",
        "qs": f"key={FOREIGN}&token={FOREIGN}",
        "method": "GET",
        "scheme": "http",
        "headers": headers.get,
    }

    log_request_builder(f"%(method)s {form}")(0.0, 0.0, request, 500)
    logging.getLogger("_granian").error("Application callable raised at /array/%s/config", SECRET)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["granian.access", "_granian"]
    assert MARKER not in log.getvalue() + "".join(capfd.readouterr())
