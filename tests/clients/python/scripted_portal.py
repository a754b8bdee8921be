"""A portal that answers as it is told, and stores each event once, by its id, as the real one does."""

import gzip
import json
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Handler", list[dict[str, Any]]], None]


class ScriptedPortal(ThreadingHTTPServer):
    """Each post does the next of `acts`; when there is none left, it is judged and stored."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.acts: deque[Act] = deque()
        self.stored: dict[str, dict[str, Any]] = {}
        # How often each id came, whatever became of it.
        self.seen: Counter[str] = Counter()
        self.posts: list[dict[str, Any]] = []
        self.connections: list[Any] = []
        self.released = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what these tests are about."""

    def note(self, post: dict[str, Any]) -> None:
        with self._lock:
            self.posts.append({**post, "at": time.monotonic()})
            self.seen.update(event["id"] for event in post["events"])

    def next_act(self) -> Act:
        with self._lock:
            return self.acts.popleft() if self.acts else store

    def judge(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        results = []
        for index, event in enumerate(events):
            verdict = self._judge_one(event)
            results += [{"index": index, "id": event["id"], **verdict}] if verdict else []
        by_status = Counter(result["status"] for result in results)
        rejected = len({result["index"] for result in results if result["status"] == "rejected"})
        duplicates = by_status["duplicate"]
        accepted = len(events) - rejected - duplicates
        return {"accepted": accepted, "duplicates": duplicates, "rejected": rejected, "results": results}

    def _judge_one(self, event: dict[str, Any]) -> dict[str, Any] | None:
        if event["event"] == "workbench.unknown":
            return {
                "status": "rejected",
                "code": "unknown_event",
                "field": "event",
                "message": "It is not known.",
            }
        with self._lock:
            if event["id"] in self.stored:
                return {
                    "status": "duplicate",
                    "code": "duplicate",
                    "field": "id",
                    "message": "Received before.",
                }
            self.stored[event["id"]] = event
        if event["event"] == "workbench.deprecated":
            return {"status": "warning", "code": "deprecated", "field": "event", "message": "Send another."}
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedPortal
    # One write an answer, as real servers do.
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        plain = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        events = json.loads(plain)["events"]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.note({"path": self.path, "headers": headers, "size": len(plain), "events": events})
        self.server.next_act()(self, events)

    def answer(self, status: int, value: Any, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, content in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), content)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


# What a portal may do ------------------------------------------------------------------------------------


def store(handler: Handler, events: list[dict[str, Any]]) -> None:
    handler.answer(200, handler.server.judge(events))


def fail(status: int, **headers: str) -> Act:
    fault = {"code": f"code_{status}", "message": f"It is {status}.", "detail": "", "request_id": "r-1"}
    return lambda handler, events: handler.answer(status, fault, **headers)


def reset(handler: Handler, events: list[dict[str, Any]]) -> None:
    handler.reset()


def hang(handler: Handler, events: list[dict[str, Any]]) -> None:
    handler.server.released.wait(10)
    handler.reset()


def lose_answer(handler: Handler, events: list[dict[str, Any]]) -> None:
    handler.server.judge(events)
    handler.reset()


def cut_answer_short(handler: Handler, events: list[dict[str, Any]]) -> None:
    handler.server.judge(events)
    handler.answer(200, b'{"accepted": 1, "dupl', Content_Length="500")
    handler.reset()


def answer_as_proxy(handler: Handler, events: list[dict[str, Any]]) -> None:
    handler.answer(200, b"<html>Please sign in.</html>")


def store_and_close(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Closes an idle connection without saying so before."""
    handler.answer(200, handler.server.judge(events))
    handler.close_connection = True


def refuse_more_than(count: int) -> Act:
    """As a proxy with a smaller limit does; for good."""

    def act(handler: Handler, events: list[dict[str, Any]]) -> None:
        handler.server.acts.append(act)
        (fail(413) if len(events) > count else store)(handler, events)

    return act


def refuse_poison(handler: Handler, events: list[dict[str, Any]]) -> None:
    """A request is unreadable as long as the event is in it."""
    handler.server.acts.append(refuse_poison)
    has_poison = any(event["properties"].get("draftId") == "poison" for event in events)
    (fail(400) if has_poison else store)(handler, events)


@contextmanager
def running_portal(*, port: int = 0) -> Iterator[ScriptedPortal]:
    portal = ScriptedPortal(port=port)
    thread = threading.Thread(target=portal.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        portal.released.set()
        portal.shutdown()
        portal.server_close()
        thread.join()
        for connection in portal.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
