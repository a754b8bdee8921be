"""A network that loses the first answer to every post, so that the portal gets each request twice."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

FIELDS = (
    "id", "messageId", "uuid", "time", "timestamp", "originalTimestamp", "offset", "sentAt", "sent_at"
)  # fmt: skip
HOP_BY_HOP = frozenset({"connection", "date", "keep-alive", "server", "transfer-encoding"})


@dataclass
class Network:
    """`paths` and `fields` are what the posts of events had: their addresses, and fields of id and time."""

    address: str
    paths: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    lost_answers: int = 0

    def note(self, path: str, headers: Any, body: bytes) -> None:
        text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        self.lost_answers += 1
        self.paths.add(urlsplit(path).path)
        self.fields.update(
            name
            for name in FIELDS
            if re.search(rb'"%s":' % name.encode(), text.replace(b'": ', b'":')) or f"ce-{name}" in headers
        )


@contextmanager
def lossy_network(portal: str) -> Iterator[Network]:
    """A server of this machine that passes every request on to the portal, and posts of events twice."""
    host, port = urlsplit(portal).netloc.split(":")

    class Relay(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content, answer = self.ask(body)
            if self.command == "POST" and b'"accepted"' in content:
                network.note(self.path, self.headers, body)
                content, answer = self.ask(body)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def ask(self, body: bytes) -> tuple[bytes, HTTPResponse]:
            connection = HTTPConnection(host, int(port), timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return content, answer

        do_GET = do_POST = do_OPTIONS = pass_on

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        network = Network(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever).start()
        yield network
        server.shutdown()
