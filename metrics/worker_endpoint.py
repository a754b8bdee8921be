"""What a Celery worker counted, for Prometheus, where no web server of the machine shows it.

A server of its own in the first process of the worker. It asks the database nothing: that process forks, and a
connection must not be inherited. So METRICS_TOKEN opens it, and keys do not.
"""

import logging
import socket
import threading
from collections.abc import Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.handlers.wsgi import WSGIRequest
from prometheus_client.core import Metric

from metrics.exposition import encode, in_memory_families
from metrics.families.catalogue import OWN_FAMILIES, Source
from metrics.views import has_token, is_local

logger = logging.getLogger(__name__)

PATH = "/metrics"
# Prometheus needs one. Others wait for nothing here: the worker's own processes must not want for threads.
MOST_CONNECTIONS = 8
SILENCE_SECONDS = 5.0
# Those of the database are the same everywhere, and a web server shows them.
COUNTED = frozenset(
    family.name.removesuffix("_total") for family in OWN_FAMILIES if family.source is Source.PROCESS
)


class EndpointHandler(WSGIRequestHandler):
    # Of a client that sends or takes nothing.
    timeout = SILENCE_SECONDS

    def log_message(self, *args: Any) -> None:
        """Nothing: a scrape every ten seconds is no news."""


class EndpointServer(ThreadingMixIn, WSGIServer):
    """A thread for each request, and no more than MOST_CONNECTIONS at a time. Raises OSError where it can't listen."""

    daemon_threads = True

    def __init__(self, *, host: str, port: int) -> None:
        self.places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.address_family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__((str(address[0]), int(address[1])), EndpointHandler)
        self.set_app(answer)

    def verify_request(self, *args: Any) -> bool:
        """Whether there is a place for one more."""
        return self.places.acquire(blocking=False)

    def process_request_thread(self, *args: Any) -> None:
        try:
            super().process_request_thread(*args)
        finally:
            self.places.release()

    def handle_error(self, *args: Any) -> None:
        """Nothing: a client that went away or was silent is no fault of the worker."""


def serve_in_background(*, host: str, port: int) -> EndpointServer:
    """Answer scrapes from a thread of this process, until it ends. Raises OSError where it can't listen."""
    server = EndpointServer(host=host, port=port)
    threading.Thread(target=server.serve_forever, name="metrics of the worker", daemon=True).start()
    return server


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """GET /metrics, for a peer on this machine or with METRICS_TOKEN."""
    try:
        status, body, content_type = respond(environ)
    except Exception:
        # Whatever goes wrong with one scrape, the worker works on.
        logger.exception("The worker's metrics could not be read")
        status, body, content_type = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "The metrics can't be read.")
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


Response = tuple[HTTPStatus, bytes, str]


def respond(environ: WSGIEnvironment) -> Response:
    request = WSGIRequest(environ)
    if not (is_local(request) or has_token(request)):
        return refusal(HTTPStatus.UNAUTHORIZED, "It takes METRICS_TOKEN as a bearer token.")
    if request.path != PATH:
        return refusal(HTTPStatus.NOT_FOUND, f"There is {PATH} alone.")
    if request.method != "GET":
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "It takes GET alone.")
    return HTTPStatus.OK, *encode(worker_families(), accept=request.META.get("HTTP_ACCEPT", ""))


def refusal(status: HTTPStatus, text: str) -> Response:
    return status, f"{text}\n".encode(), "text/plain; charset=utf-8"


def worker_families() -> list[Metric]:
    """The portal's own families that all processes of this worker counted in memory."""
    return [family for family in in_memory_families() if family.name in COUNTED]
