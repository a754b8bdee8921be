"""The command `simulate`, against a portal and against faults."""

import io
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from kpis.demo import posting
from kpis.demo.posting import PostCounts, PostFailed, post_events
from telemetry.models import RawEvent
from tests.builders import make_secret

TAKEN = json.dumps({"accepted": 1, "duplicates": 2, "rejected": 3, "results": []})
REFUSED = json.dumps({"code": "maintenance", "message": "The portal is being maintained."})


class ScriptedPortal(HTTPServer):
    """Answers each post with the next status; the last one stays. Faults have the body and the headers."""

    def __init__(self, *statuses: int, body: str = REFUSED, **headers: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.body, self.headers = body, headers
        self.bodies: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: ScriptedPortal

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
        self.send_response(status)
        for name, value in self.server.headers.items() if status != 200 else ():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write((TAKEN if status == 200 else self.server.body).encode())

    def log_message(self, *_: object) -> None:
        pass


class StoppedClock:
    """A clock that moves when somebody sleeps, and by nothing else."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    """The clock that posts wait by."""
    clock = StoppedClock()
    monkeypatch.setattr(posting, "time", clock)
    return clock


@pytest.fixture
def portal() -> Iterator[Any]:
    """Starts portals with given answers."""
    started: list[ScriptedPortal] = []

    def start(*statuses: int, **answer: str) -> ScriptedPortal:
        started.append(ScriptedPortal(*statuses, **answer))
        Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


@pytest.mark.django_db(transaction=True)
def test_a_portal_accepts_the_stream(live_server: LiveServer) -> None:
    output = io.StringIO()

    call_command("simulate", url=live_server.url, key=make_secret(), rate=50.0, seconds=1.0, stdout=output)

    progress = output.getvalue().strip().split("\r")[-1]
    assert ", 0 duplicates, 0 rejected" in progress
    assert RawEvent.objects.count() == int(progress.split(" ")[0]) >= 50


def test_many_events_are_several_posts_and_their_answers_are_added_up(
    portal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "EVENTS_A_POST", 2)
    server = portal(200)

    counts = post_events([{"id": str(number)} for number in range(3)], url=server.url + "/", key="k")

    assert counts == PostCounts(accepted=2, duplicate=4, rejected=6)
    assert [len(body["events"]) for body in server.bodies] == [2, 1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_same_events_are_posted_again_after_a_fault_that_passes(
    portal: Any, status: int, stopped: StoppedClock
) -> None:
    server = portal(status, status, 200)

    assert post_events([{"id": "e"}], url=server.url, key="k").accepted == 1
    assert len(server.bodies) == 3
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]
    assert stopped.pauses == [1, 1]


@pytest.mark.parametrize(
    ("asked", "pause"),
    [("5", 5), ("60", 60), ("0", 1), ("", 1), ("-3", 1), ("1e9", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
def test_a_portal_says_when_it_wants_to_be_asked_again(
    portal: Any, stopped: StoppedClock, asked: str, pause: float
) -> None:
    post_events([{"id": "e"}], url=portal(503, 200, Retry_After=asked).url, key="k")

    assert stopped.pauses == [pause]


@pytest.mark.parametrize(
    ("asked", "posts", "seconds"), [("", 61, 60), ("7", 9, 56), ("59", 2, 59), ("60", 2, 60), ("61", 1, 0)]
)
def test_nobody_waits_for_longer_than_a_minute(
    portal: Any, stopped: StoppedClock, asked: str, posts: int, seconds: float
) -> None:
    server = portal(503, Retry_After=asked)

    with pytest.raises(PostFailed, match="a post waits for 60 s at most"):
        post_events([{"id": "e"}], url=server.url, key="k")

    assert (len(server.bodies), sum(stopped.pauses)) == (posts, seconds)


def test_patience_begins_anew_with_each_post(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "EVENTS_A_POST", 1)
    server = portal(503, 200, 503, 200, Retry_After="40")

    assert post_events([{"id": "a"}, {"id": "b"}], url=server.url, key="k").accepted == 2


def test_a_wait_is_told_with_the_sentence_of_the_portal(portal: Any) -> None:
    told: list[str] = []

    post_events([{"id": "e"}], url=portal(503, 200, Retry_After="5").url, key="k", tell=told.append)

    assert told == [
        "The portal answered 503 Service Unavailable: The portal is being maintained. "
        "The same events are sent again in 5 s."
    ]


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (401, {}, "The portal answered 401 Unauthorized: The portal is being maintained."),
        (
            404,
            {"body": "<h1>Not Found</h1>"},
            "The portal answered 404 Not Found: without a word of its own.",
        ),
        (400, {"body": "[1]"}, "The portal answered 400 Bad Request: without a word of its own."),
        (
            301,
            {"Location": "https://kpi.example.com/"},
            "The portal answered 301 Moved Permanently: it leads to https://kpi.example.com/; name that address.",
        ),
    ],
)
def test_a_fault_that_does_not_pass_ends_the_stream_with_a_sentence(
    portal: Any, status: int, answer: dict[str, str], sentence: str
) -> None:
    server = portal(status, **answer)

    with pytest.raises(CommandError) as failed:
        call_command("simulate", url=server.url, key="k", rate=1.0)

    assert (str(failed.value), len(server.bodies)) == (sentence, 1)


@pytest.mark.parametrize("text", ["<h1>Hello</h1>", "[]", "{}", "7"])
def test_an_answer_that_is_not_a_portals_is_told(
    portal: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "TAKEN", text)

    with pytest.raises(PostFailed, match="something else answers at this address"):
        post_events([{}], url=portal(200).url, key="k")


def test_the_command_goes_on_when_the_portal_is_back(portal: Any) -> None:
    output, warnings = io.StringIO(), io.StringIO()

    call_command(
        "simulate",
        url=portal(503, 503, 200).url,
        key="k",
        rate=1.0,
        seconds=0.0,
        stdout=output,
        stderr=warnings,
    )

    assert "1 accepted" in output.getvalue()
    assert warnings.getvalue().count("The portal is being maintained.") == 2


def test_a_portal_that_is_not_there_is_told() -> None:
    with pytest.raises(PostFailed, match=r"The portal does not answer: .*refused"):
        post_events([{}], url="http://127.0.0.1:1", key="k")


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(PostFailed, match="begins with http"):
        post_events([{}], url="file:///etc", key="k")
