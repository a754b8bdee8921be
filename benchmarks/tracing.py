"""(i) Ingest of a portal that traces itself, against one that does not."""

import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.ingest_batch import DOOR, EVENTS_A_POST, door_posts, recent_events, take_in
from benchmarks.ingest_single import MOST_A_SECOND, WARM_UP_SECONDS, measure
from benchmarks.options import Options
from benchmarks.report import Comparison
from benchmarks.servers import Databases, Site, site

TITLE = "(i) tracing"
BAR = ">= 0.9"
# Names of lines → what is set beside the endpoint.
PORTALS: dict[str, dict[str, str]] = {
    "off": {"OTEL_SDK_DISABLED": "true"},
    "on": {},
    "on, one trace in ten": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
}


def run(options: Options, databases: Databases) -> list[Comparison]:
    with ExitStack() as stack:
        endpoint = stack.enter_context(sink())
        workers = {"WEB_WORKERS": str(options.web_workers)}
        plain = stack.enter_context(site(databases, **workers))
        traced = {
            name: stack.enter_context(
                site(databases, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **workers, **settings)
            )
            for name, settings in PORTALS.items()
        }
        return [*batches(options, plain=plain, traced=traced), *singles(options, plain=plain, traced=traced)]


def batches(options: Options, *, plain: Site, traced: dict[str, Site]) -> list[Comparison]:
    events = recent_events(options.events, seed=5)
    lines = {
        name: Comparison(name=f"{EVENTS_A_POST} events a post, {name}", unit="events/s", bar=BAR)
        for name in traced
    }

    def rate(portal: Site) -> float:
        return take_in(door_posts(events, key=portal.key), portal=portal, events=len(events))

    for portal in (plain, *traced.values()):
        rate(portal)
    for _ in range(options.rounds):
        for name, line in lines.items():
            line.reference.append(rate(plain))
            line.portal.append(rate(traced[name]))
    return list(lines.values())


def singles(options: Options, *, plain: Site, traced: dict[str, Site]) -> list[Comparison]:
    bodies = recent_events(round(max(1, options.seconds) * MOST_A_SECOND), seed=6)
    lines = {name: Comparison(name=f"an event a post, {name}", unit="posts/s") for name in traced}

    def rate(portal: Site, *, seconds: float = options.seconds) -> float:
        return measure(DOOR, bodies, portal=portal, seconds=seconds)

    for portal in (plain, *traced.values()):
        rate(portal, seconds=min(WARM_UP_SECONDS, options.seconds))
    for _ in range(options.rounds):
        for name, line in lines.items():
            line.reference.append(rate(plain))
            line.portal.append(rate(traced[name]))
    return list(lines.values())


class Sink(BaseHTTPRequestHandler):
    """Takes spans and drops them: a collector usually has a machine of its own."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


def drain(started: Connection) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        started.send(server.server_port)
        server.serve_forever()


@contextmanager
def sink() -> Iterator[str]:
    """The endpoint of a process that takes spans."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=drain, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()
