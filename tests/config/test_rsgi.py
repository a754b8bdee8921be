import asyncio
import gc
import json
import sys
import threading
from types import SimpleNamespace

import pytest
from django.urls import get_resolver

from config import rsgi
from config.server import bodies, sign_ins
from config.server.bodies import ByteBudget
from config.server.threads import ThreadShare
from telemetry import keys
from tests.routes import Route, routes_below
from web.errors import Unavailable

DOOR = "/api/workbench/telemetry"


class Protocol:
    """A client's side of a request, as granian shows it: chunks of a body, and the answer."""

    def __init__(self, *chunks, hangs=False):
        self.chunks = chunks
        self.hangs = hangs
        self.received_before_answer = 0
        self.received = 0
        self.answer = None

    async def __aiter__(self):
        for chunk in self.chunks:
            self.received += len(chunk)
            yield chunk
        if self.hangs:
            await asyncio.sleep(60)

    def response_bytes(self, status, headers, body):
        self.received_before_answer = self.received
        self.answer = (int(status), dict(headers), body)


def scope(*, method="GET", path="/", query="", headers=()):
    return SimpleNamespace(
        method=method,
        path=path,
        query_string=query,
        headers=SimpleNamespace(items=lambda: list(headers), get=dict(headers).get),
        server="127.0.0.1:8000",
        client="[::1]:5000",
        scheme="http",
        http_version="1.1",
    )


def post(path, *, length="4", **headers):
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return scope(method="POST", path=path, headers=[("content-length", length), *named])


def exchange(request, *chunks, hangs=False, application=None):
    protocol = Protocol(*chunks, hangs=hangs)
    asyncio.run((application or rsgi.Application())(request, protocol))
    return protocol


def answer_to(request, *chunks, **more):
    return exchange(request, *chunks, **more).answer


@pytest.fixture
def echo(monkeypatch):
    """The application answers with what it was given, in the thread that it names."""

    def application(environ, start_response):
        start_response("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1")])
        name = threading.current_thread().name.rpartition("_")[0]
        return [environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read(), b" ", name.encode()]

    monkeypatch.setattr(rsgi.wsgi, "application", application)


@pytest.fixture
def known_key(monkeypatch):
    monkeypatch.setattr(keys, "find_key", lambda secret: object())
    return "wb_ingest_" + "a" * 43


def test_the_application_gets_the_whole_body_and_its_answer_is_sent(echo):
    answer = answer_to(post("/login/"), b"ab", b"cd")
    assert answer == (201, {"Content-Type": "text/plain", "Set-Cookie": "a=1"}, b"POST abcd sign_ins")


@pytest.fixture
def begun(monkeypatch):
    """A web worker before its first request, without what it would start in the background."""
    monkeypatch.setattr(rsgi.connections, "start_watching", lambda *, also: None)
    monkeypatch.setattr(rsgi.patience, "bound_waits", lambda database: None)
    monkeypatch.setattr(rsgi.file_modes, "keep_files_private", lambda: None)
    monkeypatch.setattr(rsgi, "record_in_background", lambda *, process: None)
    monkeypatch.setattr(rsgi.watch, "watch_in_background", lambda: None)
    monkeypatch.setattr(rsgi.recorder, "record_in_background", lambda: None)
    before = sys.getswitchinterval()
    loaded = [[] for _ in range(1000)]
    rsgi.Application().__rsgi_init__(None)
    yield loaded
    sys.setswitchinterval(before)


def test_threads_of_a_worker_leave_the_interpreter_to_the_event_loop_soon(begun):
    assert sys.getswitchinterval() <= 0.001


def test_a_full_search_for_garbage_does_not_look_at_what_is_loaded(begun):
    searched = {id(thing) for thing in gc.get_objects()}

    assert [thing for thing in begun if id(thing) in searched] == []


def test_health_is_answered_without_a_thread_and_without_the_application(monkeypatch):
    def application(environ, start_response):
        raise AssertionError

    monkeypatch.setattr(rsgi.wsgi, "application", application)
    status, headers, body = answer_to(scope(path="/healthz"))
    assert (status, headers["cache-control"], body) == (200, "no-store", b"ok\n")


@pytest.mark.parametrize(
    ("request_", "share"),
    [
        (scope(path="/readyz"), b"probes"),
        (scope(path="/metrics"), b"others"),
        (scope(path="/api/kpis/"), b"others"),
        (scope(path="/logout/"), b"others"),
        (scope(path="/login/"), b"sign_ins"),
        (post("/login/"), b"sign_ins"),
        (scope(path="/admin/login/"), b"sign_ins"),
        (scope(path="/login"), b"others"),
        (scope(path="/admin/"), b"others"),
        (scope(method="POST", path="/v1/track"), b"posts"),
        (scope(method="POST", path=DOOR), b"posts"),
    ],
)
def test_probes_posts_and_the_rest_have_threads_of_their_own(echo, request_, share):
    assert answer_to(request_, b"abcd")[2].split()[-1] == share


def test_posts_that_wait_leave_threads_for_the_rest(echo):
    released = threading.Event()

    async def ask():
        application = rsgi.Application()
        stuck = [asyncio.create_task(application.posts.run(released.wait)) for _ in range(8)]
        await asyncio.sleep(0)
        protocol = Protocol()
        await application(scope(path="/"), protocol)
        released.set()
        await asyncio.gather(*stuck)
        return protocol.answer

    assert asyncio.run(ask())[0] == 201


def answer_when_busy(request):
    released = threading.Event()

    async def ask():
        application = rsgi.Application()
        application.others = application.sign_ins = ThreadShare(
            "others", threads=1, queue=0, database_seconds=1
        )
        stuck = [asyncio.create_task(application.others.run(released.wait))]
        await asyncio.sleep(0)
        protocol = Protocol()
        await application(request, protocol)
        released.set()
        await asyncio.gather(*stuck)
        return protocol.answer

    return asyncio.run(ask())


def test_a_queue_that_is_too_long_is_answered_503(echo):
    status, headers, body = answer_when_busy(scope(path="/"))

    assert (status, headers["retry-after"], headers["connection"]) == (503, "5", "close")
    assert json.loads(body)["code"] == "too_busy"


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("/login/", "text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("/login/", "*/*", "application/json"),
        ("/api/kpis/", "text/html,*/*;q=0.8", "application/json"),
    ],
)
def test_a_person_reads_a_refusal_as_a_page(echo, path, accept, expected):
    _, headers, body = answer_when_busy(scope(path=path, headers=[("accept", accept)]))

    assert headers["content-type"] == expected
    assert b"too much to do" in body


def test_a_body_that_does_not_come_is_answered_408(echo, monkeypatch):
    monkeypatch.setattr(rsgi, "RECEIVE_SECONDS", 0.05)
    monkeypatch.setattr(rsgi, "LINGER_SECONDS", 0.05)
    status, headers, body = answer_to(post("/login/", length="9"), b"ab", hangs=True)
    assert (status, headers["connection"]) == (408, "close")
    fault = json.loads(body)
    assert set(fault) == {"code", "message", "detail", "request_id"}
    assert fault["request_id"] == headers["x-request-id"]


def test_a_body_that_ends_early_is_answered_400(echo):
    status, _, body = answer_to(post("/login/", length="5"), b"abcd")
    assert (status, json.loads(body)["code"]) == (400, "incomplete_body")


def test_without_a_key_the_door_answers_before_the_body_is_received(monkeypatch):
    def application(environ, start_response):
        with pytest.raises(Unavailable):
            environ["wsgi.input"].read(1)
        start_response("401 Unauthorized", [])
        return [b"no key"]

    monkeypatch.setattr(rsgi.wsgi, "application", application)
    protocol = exchange(post(DOOR), b"ab", b"cd")
    assert protocol.answer == (401, {"connection": "close"}, b"no key")
    assert (protocol.received_before_answer, protocol.received) == (0, 4)


@pytest.mark.parametrize(("others", "dropped"), [(1, 4), (2, 0)])
def test_only_some_refused_bodies_are_read_to_their_end(monkeypatch, others, dropped):
    def application(environ, start_response):
        start_response("401 Unauthorized", [])
        return []

    monkeypatch.setattr(rsgi.wsgi, "application", application)
    monkeypatch.setattr(rsgi, "MOST_LINGERING", 2)
    portal = rsgi.Application(lingering=others)
    protocol = exchange(post(DOOR), b"ab", b"cd", application=portal)
    assert (protocol.received, portal.lingering) == (dropped, others)


def test_with_a_key_the_door_gets_its_body(echo, known_key):
    answer = answer_to(post(DOOR, authorization=f"Bearer {known_key}"), b"abcd")
    assert answer[2] == b"POST abcd posts"


def test_where_the_key_may_be_in_the_body_it_is_received(echo):
    assert answer_to(post("/v1/track"), b"abcd")[2] == b"POST abcd posts"


@pytest.mark.parametrize(
    ("all_bytes", "unknown_bytes", "with_key", "status"),
    [
        (4, 4, False, 201),
        (4, 3, False, 503),
        (4, 0, True, 201),
        (3, 4, True, 503),
    ],
)
def test_bodies_have_a_budget_and_those_without_a_key_a_smaller_one(
    echo, known_key, all_bytes, unknown_bytes, with_key, status
):
    application = rsgi.Application(bodies=ByteBudget(all_bytes), unknown_bodies=ByteBudget(unknown_bytes))
    headers = {"x_workbench_key": known_key} if with_key else {}
    answer = answer_to(post("/v1/track", **headers), b"abcd", application=application)
    assert answer[0] == status
    assert (application.bodies.used, application.unknown_bodies.used) == (0, 0)


def test_a_database_that_does_not_know_keys_now_is_answered_503(echo, monkeypatch):
    def fail(secret):
        raise rsgi.DatabaseFault

    monkeypatch.setattr(keys, "find_key", fail)
    request = post(DOOR, x_workbench_key="wb_ingest_" + "a" * 43)
    status, headers, body = answer_to(request, b"abcd")
    assert (status, headers["retry-after"]) == (503, "5")
    assert json.loads(body)["code"] == "database_unavailable"


def test_memory_is_given_back_once_large_bodies_are_gone(monkeypatch):
    calls = []
    monkeypatch.setattr(rsgi, "trim_memory", lambda: calls.append(1))
    application = rsgi.Application()
    application.bodies.take(rsgi.TRIM_BYTES)
    application.give_memory_back()
    assert calls == []

    application.bodies.used = 0
    for _ in range(2):
        application.give_memory_back()
    assert calls == [1]


def test_free_memory_can_be_given_back():
    rsgi.trim_memory()


def test_the_environment_is_that_of_pep_3333():
    headers = [("host", "kpi.example"), ("content-type", "application/json"), ("content-length", "2")]
    values = rsgi.environ(scope(path="/ä b", query="a=ä", headers=headers))
    assert {name: value for name, value in values.items() if not name.startswith("wsgi.")} == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/Ã¤ b",
        "QUERY_STRING": "a=Ã¤",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "::1",
        "HTTP_HOST": "kpi.example",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "2",
    }


def test_a_chunked_body_gets_its_length(monkeypatch):
    seen = []

    def application(environ, start_response):
        seen.append(environ)
        start_response("200 OK", [])
        return []

    monkeypatch.setattr(rsgi.wsgi, "application", application)
    answer_to(scope(method="POST", headers=[("transfer-encoding", "chunked")]), b"abc")
    assert seen[0]["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in seen[0]


def test_a_repeated_header_is_one_list_and_an_underscore_passes_for_nothing():
    headers = [("accept", "a"), ("accept", "b"), ("x_forwarded_proto", "https")]
    values = rsgi.environ(scope(headers=headers))
    assert values["HTTP_ACCEPT"] == "a,b"
    assert "HTTP_X_FORWARDED_PROTO" not in values


def test_a_lone_surrogate_in_the_path_is_no_error():
    assert rsgi.environ(scope(path="/\ud800"))["PATH_INFO"] == "/?"


@pytest.mark.parametrize(("status", "calls"), [("503 Service Unavailable", 1), ("200 OK", 0)])
def test_a_thread_that_could_not_serve_gets_another_connection(monkeypatch, status, calls):
    closed = []

    def application(environ, start_response):
        start_response(status, [])
        return []

    monkeypatch.setattr(rsgi.wsgi, "application", application)
    monkeypatch.setattr(rsgi.databases, "close_all", lambda: closed.append(1))
    answer_to(scope())
    assert len(closed) == calls


def test_the_answer_is_closed_when_it_was_read(monkeypatch):
    class Answer(list):
        is_closed = False

        def close(self):
            self.is_closed = True

    answer = Answer([b"x"])

    def application(environ, start_response):
        start_response("200 OK", [])
        return answer

    monkeypatch.setattr(rsgi.wsgi, "application", application)
    assert answer_to(scope()) == (200, {}, b"x")
    assert answer.is_closed


@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/login/passkey/", "/invitations/x/"])
def test_who_asks_for_the_sign_in_too_often_waits_and_takes_no_thread(echo, monkeypatch, path):
    monkeypatch.setattr(sign_ins, "BURST", 1)
    monkeypatch.setattr(sign_ins, "DELAY_SECONDS", 0.0)
    application = rsgi.Application()

    assert answer_to(scope(path=path), application=application)[0] == 201
    for request in (scope(path=path), post(path)):
        status, headers, body = answer_to(request, b"abcd", application=application)
        assert (status, headers["retry-after"]) == (429, "5")
        assert json.loads(body)["code"] == "too_many_sign_ins"
    assert answer_to(scope(path="/"), application=application)[0] == 201


@pytest.mark.parametrize(("pieces", "status", "received"), [(4, 201, 4), (5, 413, 9)])
def test_a_body_in_too_many_pieces_is_refused_and_not_read_to_its_end(
    echo, monkeypatch, pieces, status, received
):
    monkeypatch.setattr(bodies, "MOST_CHUNKS", 4)
    request = scope(method="POST", path="/v1/track", headers=[("transfer-encoding", "chunked")])

    protocol = exchange(request, *[b"x"] * (pieces if status == 201 else 100))

    assert (protocol.answer[0], protocol.received) == (status, received)


def test_every_page_of_signing_in_and_of_ones_account_is_gated() -> None:
    paths = {
        route.path for route in routes_below(get_resolver("people.urls"), parts={}, before=Route("", "", "/"))
    }

    assert {path for path in paths if not sign_ins.is_gated(path)} == {"/logout/", "/admin/password_change/"}
