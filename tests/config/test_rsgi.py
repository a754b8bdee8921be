import asyncio
import json
from types import SimpleNamespace

import pytest

from config import rsgi


class Protocol:
    """A client's side of a request, as granian shows it: chunks of a body, and the answer."""

    def __init__(self, *chunks, hangs=False):
        self.chunks = chunks
        self.hangs = hangs
        self.received = 0
        self.answer = None

    async def __aiter__(self):
        for chunk in self.chunks:
            self.received += len(chunk)
            yield chunk
        if self.hangs:
            await asyncio.sleep(60)

    def response_bytes(self, status, headers, body):
        self.answer = (status, dict(headers), body)


def scope(*, method="GET", path="/", query="", headers=()):
    return SimpleNamespace(
        method=method,
        path=path,
        query_string=query,
        headers=SimpleNamespace(items=lambda: list(headers)),
        server="127.0.0.1:8000",
        client="[::1]:5000",
        scheme="http",
        http_version="1.1",
    )


def answer_to(request, *chunks, hangs=False):
    protocol = Protocol(*chunks, hangs=hangs)
    asyncio.run(rsgi.application(request, protocol))
    return protocol.answer


@pytest.fixture
def echo(monkeypatch):
    """The application answers with what it was given."""

    def application(environ, start_response):
        start_response("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1")])
        return [environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read()]

    monkeypatch.setattr(rsgi, "wsgi_application", application)


def test_the_application_gets_the_whole_body_and_its_answer_is_sent(echo):
    answer = answer_to(scope(method="POST"), b"ab", b"cd")
    assert answer == (201, {"Content-Type": "text/plain", "Set-Cookie": "a=1"}, b"POST abcd")


def test_a_body_that_does_not_come_is_answered_408(echo, monkeypatch):
    monkeypatch.setattr(rsgi, "RECEIVE_SECONDS", 0.05)
    status, headers, body = answer_to(scope(method="POST"), b"ab", hangs=True)
    assert (status, headers["connection"]) == (408, "close")
    assert set(json.loads(body)) == {"code", "message", "detail", "request_id"}


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [([3], 3), ([4, 6], 10), ([4, 7], 10), ([25], 10), ([4] * 20, 10)],
)
def test_a_long_body_is_kept_up_to_what_the_door_refuses(monkeypatch, chunks, kept):
    monkeypatch.setattr(rsgi, "KEPT_BYTES", 10)
    protocol = Protocol(*[b"x" * size for size in chunks])
    assert len(asyncio.run(rsgi.receive(protocol))) == kept
    assert protocol.received == sum(chunks)


def test_an_endless_body_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(rsgi, "DRAINED_BYTES", 100)
    protocol = Protocol(*[b"x" * 30] * 100)
    asyncio.run(rsgi.receive(protocol))
    assert protocol.received == 120


def test_the_environment_is_that_of_pep_3333():
    headers = [("host", "kpi.example"), ("content-type", "application/json"), ("content-length", "2")]
    values = rsgi.environ(scope(path="/ä b", query="a=ä", headers=headers), body=b"{}")
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


def test_a_chunked_body_gets_its_length():
    values = rsgi.environ(scope(headers=[("transfer-encoding", "chunked")]), body=b"abc")
    assert values["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in values


def test_a_repeated_header_is_one_list_and_an_underscore_passes_for_nothing():
    headers = [("accept", "a"), ("accept", "b"), ("x_forwarded_proto", "https")]
    values = rsgi.environ(scope(headers=headers), body=b"")
    assert values["HTTP_ACCEPT"] == "a,b"
    assert "HTTP_X_FORWARDED_PROTO" not in values


def test_a_lone_surrogate_in_the_path_is_no_error():
    assert rsgi.environ(scope(path="/\ud800"), body=b"")["PATH_INFO"] == "/?"


def test_the_answer_is_closed_when_it_was_read(monkeypatch):
    class Answer(list):
        is_closed = False

        def close(self):
            self.is_closed = True

    answer = Answer([b"x"])

    def application(environ, start_response):
        start_response("200 OK", [])
        return answer

    monkeypatch.setattr(rsgi, "wsgi_application", application)
    assert answer_to(scope()) == (200, {}, b"x")
    assert answer.is_closed
