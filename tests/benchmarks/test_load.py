"""The raw client against a real server of the standard library."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import load


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)
        status = 200 if self.path == "/door" else 503
        answer = json.dumps({"accepted": len(body)}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    server.bodies = []
    # A client that stops in the middle is what some tests are about.
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def requests(bodies, *, path="/door"):
    return [load.post_request(path, body=body, key="k") for body in bodies]


def test_every_request_is_sent_once_and_what_was_accepted_is_added_up(server):
    bodies = [b"x" * length for length in range(1, 41)]
    seconds, accepted = load.post_all(requests(bodies), port=server.server_port, connections=3)

    assert accepted == sum(range(1, 41))
    assert sorted(server.bodies) == bodies
    assert seconds > 0


def test_any_other_status_stops_the_measurement(server):
    with pytest.raises(load.UnexpectedAnswer, match=r"HTTP/1\.1 503"):
        load.post_all(requests([b"x"], path="/elsewhere"), port=server.server_port, connections=1)


def test_without_wrk_sockets_count_the_answers(server, monkeypatch):
    monkeypatch.setattr(load.shutil, "which", lambda name: None)

    rate = load.requests_per_second(
        "/door", [b"x"] * 20_000, port=server.server_port, key="k", seconds=0.2, connections=2
    )

    assert 0 < rate <= len(server.bodies) / 0.2


def test_bodies_that_run_out_stop_the_measurement(server):
    with pytest.raises(load.UnexpectedAnswer, match="ran out"):
        load.by_sockets("/door", [b"x"] * 3, port=server.server_port, key="k", seconds=5, connections=1)
