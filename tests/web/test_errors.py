"""Every fault under /api has one JSON shape; elsewhere Django's own pages answer."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings
from rest_framework import exceptions

from config.logs import JsonFormatter
from web import errors
from web.request_ids import REQUEST_ID


def body(response: HttpResponse) -> dict[str, object]:
    found: dict[str, object] = response.json() if hasattr(response, "json") else {}
    return found


def handled(error: Exception) -> tuple[int, dict[str, str], dict[str, object]]:
    response = errors.exception_handler(error, {})
    assert response is not None
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    return response.status_code, headers, json.loads(response.content)


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (Http404(), 404, "not_found", {}),
        (PermissionDenied(), 403, "permission_denied", {}),
        (exceptions.MethodNotAllowed("GET"), 405, "method_not_allowed", {}),
        (exceptions.NotAcceptable(), 406, "not_acceptable", {}),
        (exceptions.ParseError("Bad."), 400, "parse_error", {}),
        (exceptions.Throttled(wait=9), 429, "throttled", {"Retry-After": "9"}),
        (OperationalError("secret"), 503, "database_unavailable", {"Retry-After": "5"}),
        (InterfaceError("secret"), 503, "database_unavailable", {"Retry-After": "5"}),
        (errors.Unavailable(code="x", message="Later.", seconds=3), 503, "x", {"Retry-After": "3"}),
    ],
)
def test_a_fault_has_its_status_code_and_headers(
    error: Exception, status: int, code: str, headers: dict[str, str], db: None
) -> None:
    answered_status, answered_headers, answered = handled(error)

    assert (answered_status, answered["code"], answered_headers) == (status, code, headers)
    assert set(answered) == {"code", "message", "detail", "request_id"}
    assert answered["message"] == answered["detail"] != "secret"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/login/", "text/html; charset=utf-8"), ("/api/docs/", "application/json")],
)
@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
def test_a_view_whose_database_is_away_or_full_answers_503(
    monkeypatch: pytest.MonkeyPatch, path: str, content_type: str, fault: type[Exception]
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise fault("secret")

    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", fail)
    response = Client(raise_request_exception=False).get(path)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.headers["Content-Type"] == content_type
    assert "secret" not in response.content.decode()


def test_several_faults_are_the_detail(db: None) -> None:
    status, _, answered = handled(exceptions.ValidationError({"from": ["Not a date."]}))

    assert (status, answered["code"], answered["message"]) == (400, "invalid", "Invalid input.")
    assert answered["detail"] == {"from": ["Not a date."]}


def test_a_fault_of_the_portal_is_left_to_django(db: None) -> None:
    assert errors.exception_handler(ValueError("x"), {}) is None


def test_the_log_does_not_repeat_what_the_database_said(db: None, caplog: pytest.LogCaptureFixture) -> None:
    handled(OperationalError("DETAIL: Key (event_id)=(secret)"))

    assert "OperationalError" in caplog.text
    assert "secret" not in caplog.text


HANDLERS: list[tuple[Callable[[HttpRequest], HttpResponse], int, str]] = [
    (lambda request: errors.bad_request(request, Exception()), 400, "bad_request"),
    (lambda request: errors.permission_denied(request, Exception()), 403, "permission_denied"),
    (lambda request: errors.not_found(request, Exception()), 404, "not_found"),
    (lambda request: errors.server_error(request), 500, "server_error"),
]


@pytest.mark.parametrize(("handler", "status", "code"), HANDLERS)
def test_djangos_own_faults_are_json_under_api_and_pages_elsewhere(
    handler: Callable[[HttpRequest], HttpResponse], status: int, code: str
) -> None:
    api = handler(RequestFactory().get("/api/x"))

    assert (api.status_code, api["Content-Type"]) == (status, "application/json")
    assert f'"code":"{code}"'.encode() in api.content

    page = handler(RequestFactory().get("/x"))

    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/api/", "/api/nothing", "/api/workbench/telemetry/", "/api/\0", "/api/%ff%fe"]
)
def test_an_unknown_path_under_api_is_a_404_in_json(path: str, db: None) -> None:
    response = Client(raise_request_exception=False).get(path)

    assert (response.status_code, body(response)["code"]) == (404, "not_found")


def test_a_foreign_host_is_a_400_in_json(settings: Settings, db: None) -> None:
    settings.ALLOWED_HOSTS = ["portal.example"]

    response = Client(raise_request_exception=False).get("/api/x", headers={"Host": "evil.example"})

    assert (response.status_code, body(response)["code"]) == (400, "bad_request")


BROKEN_FORMS = [
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=\x00",
    "multipart/form-data; boundary=é",
]


@pytest.mark.parametrize("content_type", BROKEN_FORMS)
@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/login/", 400), ("/", 400)])
def test_a_form_that_cannot_be_read_is_the_clients_fault(
    path: str, status: int, content_type: str, db: None
) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["csrftoken"] = "a" * 32

    response = client.post(path, b"x", content_type=content_type)

    assert response.status_code == status


@pytest.mark.parametrize("path", ["/nothing", "/login/", "/admin/login/"])
@pytest.mark.parametrize("host", ["evil", "localhost:x", "[::1", ""])
@pytest.mark.parametrize("content_type", BROKEN_FORMS)
def test_a_foreign_host_is_a_400_whatever_the_request_holds(
    path: str, host: str, content_type: str, db: None
) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False, headers={"Host": host})
    client.cookies["csrftoken"] = "a" * 32

    assert client.get(path).status_code == 400
    assert client.post(path, b"x", content_type=content_type).status_code == 400


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What Django writes about requests, as the portal's log lines."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def test_an_unhandled_fault_has_one_id_in_its_header_its_page_and_its_log(
    settings: Settings, db: None, log: io.StringIO
) -> None:
    settings.ROOT_URLCONF = "tests.web.failing_urls"
    client = Client(raise_request_exception=False, headers={"X-Request-ID": "abc"})

    response = client.get("/fail")

    line = json.loads(log.getvalue())
    assert (response.status_code, response["X-Request-ID"]) == (500, "abc")
    assert "Request abc" in response.content.decode()
    assert (line["request_id"], line["exception"]["type"]) == ("abc", "ZeroDivisionError")


# Request ids ----------------------------------------------------------------------------------------------


def get(**headers: str) -> HttpResponse:
    return Client(raise_request_exception=False, headers=headers).get("/api/x")


def test_the_callers_request_id_comes_back(db: None) -> None:
    response = get(**{"X-Request-ID": "a-1_b.C"})

    assert response["X-Request-ID"] == body(response)["request_id"] == "a-1_b.C"


@pytest.mark.parametrize("unacceptable", ["", " ", "a b", "a\r\nx", "é", "<b>", "a" * 65])
def test_another_request_id_is_replaced_by_a_random_one(unacceptable: str, db: None) -> None:
    response = get(**{"X-Request-ID": unacceptable})

    assert response["X-Request-ID"] == body(response)["request_id"] != unacceptable
    assert len(response["X-Request-ID"]) == 32
    assert get(**{"X-Request-ID": unacceptable})["X-Request-ID"] != response["X-Request-ID"]


def test_a_request_id_of_64_characters_is_kept(db: None) -> None:
    assert get(**{"X-Request-ID": "a" * 64})["X-Request-ID"] == "a" * 64


def test_outside_of_a_request_there_is_no_id(db: None) -> None:
    get(**{"X-Request-ID": "a"})

    assert REQUEST_ID.get() == ""
