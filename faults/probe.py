"""`python -m faults.probe PORT` asks /healthz and /readyz until its input ends, and prints how long each took.

It is a process of its own, so that what the campaign's clients do does not count against the portal. What it
prints is JSON: {path: {"seconds": [0.002, …], "away": 0}}; `away` are the probes that met no server.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 5
# Often enough that one outlier in a short row is not its p99.
PAUSES = {"/healthz": 0.04, "/readyz": 1.0}


@dataclass
class Probes:
    """What was measured of one path; a probe that was not answered in time counts as TIMEOUT_SECONDS."""

    seconds: list[float] = field(default_factory=list)
    away: int = 0

    def percentile(self, fraction: float) -> float:
        ordered = sorted(self.seconds) or [0.0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]


def ask(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    finally:
        connection.close()


def watch(port: int, path: str, *, probes: Probes, ended: threading.Event) -> None:
    while not ended.is_set():
        began_at = time.perf_counter()
        try:
            ask(port, path)
            probes.seconds.append(time.perf_counter() - began_at)
        except TimeoutError:
            probes.seconds.append(TIMEOUT_SECONDS)
        except (OSError, http.client.HTTPException):
            probes.away += 1
        ended.wait(max(0.0, PAUSES[path] - (time.perf_counter() - began_at)))


@contextmanager
def probing(*, port: int) -> Iterator[dict[str, Probes]]:
    """What the dict holds is known at the end."""
    measured: dict[str, Probes] = {}
    command = [sys.executable, "-m", "faults.probe", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
    try:
        yield measured
        output, _ = process.communicate(timeout=3 * TIMEOUT_SECONDS)
        measured.update({path: Probes(**figures) for path, figures in json.loads(output).items()})
    finally:
        process.kill()
        process.wait()


def main(port: int) -> None:
    ended = threading.Event()
    measured = {path: Probes() for path in PAUSES}
    threads = [
        threading.Thread(target=watch, args=(port, path), kwargs={"probes": probes, "ended": ended})
        for path, probes in measured.items()
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps({path: vars(probes) for path, probes in measured.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
