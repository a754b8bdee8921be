"""The server in a worker that shows Prometheus what the worker counted."""

import socket
import time
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from wsgiref.util import setup_testing_defaults

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pytest_django import Settings

from metrics import worker_endpoint
from metrics.tasks import task_failures
from metrics.worker_endpoint import COUNTED, EndpointServer, answer, serve_in_background

ELSEWHERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-token-of-prometheus"
    settings.TRUSTED_PROXIES = []


def ask(peer: str, *, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[str, str]:
    """(status, body) of a request of this peer."""
    environ: dict[str, object] = {"REMOTE_ADDR": peer, "PATH_INFO": path, "REQUEST_METHOD": method, **headers}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    body = answer(environ, lambda status, headers: statuses.append(status))  # type: ignore[arg-type, return-value]
    return statuses[0], b"".join(body).decode()


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, "200 OK"),
        ("::1", {}, "200 OK"),
        (ELSEWHERE, {"HTTP_AUTHORIZATION": "Bearer a-token-of-prometheus"}, "200 OK"),
        (ELSEWHERE, {}, "401 Unauthorized"),
        (ELSEWHERE, {"HTTP_AUTHORIZATION": "Bearer another"}, "401 Unauthorized"),
        (ELSEWHERE, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, "401 Unauthorized"),
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": ELSEWHERE}, "401 Unauthorized"),
        ("", {}, "401 Unauthorized"),
    ],
)
def test_it_is_open_to_this_machine_and_to_the_token(peer: str, headers: dict[str, str], status: str) -> None:
    assert ask(peer, **headers)[0] == status


def test_without_a_token_it_is_open_to_this_machine_alone(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""

    assert ask(ELSEWHERE, HTTP_AUTHORIZATION="Bearer ")[0] == "401 Unauthorized"
    assert ask("127.0.0.1")[0] == "200 OK"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/metrics/", "GET", 404), ("/", "GET", 404), ("/metrics", "POST", 405), ("/metrics", "GET", 200)],
)
def test_it_answers_one_address(path: str, method: str, status: int) -> None:
    assert ask("127.0.0.1", path=path, method=method)[0] == f"{status} {HTTPStatus(status).phrase}"


def test_it_shows_what_tasks_counted_and_nothing_of_the_database() -> None:
    """Without a database: this test has none."""
    task_failures.labels("tests.worker_endpoint").inc()

    _, body = ask("127.0.0.1")

    shown = {family.name for family in parse_text(body)}
    assert 'portal_task_failures_total{task="tests.worker_endpoint"} 1.0' in body
    assert {"portal_rollup_seconds", "portal_task_backoff_seconds", "portal_database_query_seconds"} <= shown
    assert shown <= COUNTED


def test_metrics_that_cannot_be_read_are_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("broken")

    monkeypatch.setattr(worker_endpoint, "worker_families", fail)

    assert ask("127.0.0.1") == ("500 Internal Server Error", "The metrics can't be read.\n")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    monkeypatch.setattr(worker_endpoint.EndpointHandler, "timeout", 0.5)
    server = serve_in_background(host="127.0.0.1", port=0)
    yield server
    server.shutdown()
    server.server_close()


def test_it_answers_over_http(server: EndpointServer) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=5) as found:
        assert found.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"portal_rollup_seconds" in found.read()


def test_clients_that_say_nothing_are_few_and_not_for_long(server: EndpointServer) -> None:
    address = ("127.0.0.1", server.server_port)
    silent = [socket.create_connection(address) for _ in range(worker_endpoint.MOST_CONNECTIONS)]
    time.sleep(0.1)
    with socket.create_connection(address, timeout=5) as one_too_many:
        refused = one_too_many.recv(1)
    ended = [client.recv(1) for client in silent]
    for client in silent:
        client.close()

    assert (refused, set(ended)) == (b"", {b""})
    test_it_answers_over_http(server)
