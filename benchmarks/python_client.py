"""What tracking an event costs the caller of the Python client, while its thread compresses and sends events.

    python benchmarks/python_client.py [EVENTS]

Tracks EVENTS (10,000) in a tight loop. Prints the time an event takes, and its ratio to putting a dict into a
queue.Queue. The portal that the events go to answers at once, from a process of its own.

A busy machine only ever makes a round longer: the quickest one shows best what the client itself takes. The
processor's time, which hardly depends on other processes, is that of the caller and of the client's thread together.
"""

import gzip
import json
import multiprocessing
import queue
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "clients" / "python" / "src"))

from workbench_analytics import Client

EVENTS = 10_000
ROUNDS = 7
LIMIT_MICROSECONDS = 20


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        count = len(json.loads(body)["events"])
        answer = json.dumps({"accepted": count, "duplicates": 0, "rejected": 0, "results": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


def serve(port: Any) -> None:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    port.put(server.server_address[1])
    server.serve_forever()


def microseconds_an_event(track: Callable[[int], object], *, events: int) -> tuple[float, float, float]:
    """(by the clock, by the processor's time in the calling thread alone, by that in all threads)."""
    clocks = (time.perf_counter, time.thread_time, time.process_time)
    began = [clock() for clock in clocks]
    for number in range(events):
        track(number)
    by_clock, by_caller, by_process = (
        (clock() - start) / events * 1e6 for clock, start in zip(clocks, began, strict=True)
    )
    return by_clock, by_caller, by_process


def measure(port: int, *, events: int) -> tuple[float, float, float, float, float]:
    """In microseconds: an event into a plain queue, an event into the client by the clock and by the processor in
    the caller and in all threads, and the longest single call of the client."""
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    client = Client(f"http://127.0.0.1:{port}", "wb_key", max_queue_events=events)
    longest = 0.0

    def put(number: int) -> None:
        waiting.put(
            {"event": "workbench.draft_created", "sessionId": "s-1", "draftId": "d-1", "nodeCount": number}
        )

    def track(number: int) -> None:
        client.workbench.draft_created(session_id="s-1", source="chat", draft_id="d-1", node_count=number)

    def track_and_time(number: int) -> None:
        nonlocal longest
        began = time.perf_counter()
        track(number)
        longest = max(longest, time.perf_counter() - began)

    plain, _, _ = microseconds_an_event(put, events=events)
    tracked, by_caller, by_process = microseconds_an_event(track, events=events)
    client.flush(60)
    microseconds_an_event(track_and_time, events=events)
    client.shutdown(60)
    if client.counts.accepted != 2 * events:
        raise SystemExit(f"Not every event arrived: {client.counts}")
    return plain, tracked, by_caller, by_process, longest * 1e6


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    port: Any = multiprocessing.Queue()
    portal = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    portal.start()
    number = port.get()
    rounds = [measure(number, events=events) for _ in range(ROUNDS)]
    portal.terminate()
    plain, tracked, by_caller, by_process, longest = map(median, zip(*rounds, strict=True))
    quickest = min(tracked for _, tracked, *_ in rounds)
    print(f"{events} events in a tight loop, median of {ROUNDS} rounds:")
    print(f"  queue.Queue.put of a dict  {plain:6.2f} µs an event")
    print(f"  the client                 {tracked:6.2f} µs an event, {tracked / plain:.1f} times as much")
    print(f"  in the quickest round      {quickest:6.2f} µs an event")
    print(
        f"  of the caller's processor  {by_caller:6.2f} µs an event, {by_process:.2f} with the client's thread"
    )
    print(f"  its longest single call    {longest / 1000:6.2f} ms")
    verdict = "met" if quickest < LIMIT_MICROSECONDS else "missed"
    print(f"  bar: under {LIMIT_MICROSECONDS} µs an event in the quickest round: {verdict}")


if __name__ == "__main__":
    main()
