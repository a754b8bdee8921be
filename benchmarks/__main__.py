"""`python -m benchmarks [name …]`: measures, and prints a table of ratios for each benchmark."""

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from types import ModuleType

import psycopg

from benchmarks import (
    erasure,
    first_views,
    fold,
    hostile,
    ingest_batch,
    ingest_single,
    memory,
    reading,
    retention,
    runs,
    scrape,
    spans,
    tracing,
    viewers,
)
from benchmarks.options import Options, quick
from benchmarks.report import table
from benchmarks.servers import Databases

BENCHMARKS: dict[str, ModuleType] = {
    "ingest_batch": ingest_batch,
    "ingest_single": ingest_single,
    "fold": fold,
    "reading": reading,
    "memory": memory,
    "hostile": hostile,
    "retention": retention,
    "erasure": erasure,
    "tracing": tracing,
    "runs": runs,
    "spans": spans,
    "scrape": scrape,
    "viewers": viewers,
    "first_views": first_views,
}
DEFAULT_SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"


def main(words: list[str]) -> int:
    """0, or 1 when there is no server to measure on. A bar that is missed is no error: machines differ."""
    arguments = parse(words)
    options = read_options(arguments)
    names = arguments.names or list(BENCHMARKS)
    if names != ["memory"] and (fault := find_server_fault(options.server_url)):
        print(f"No PostgreSQL server answers. Start one, or set BENCH_DATABASE_URL: {fault}", file=sys.stderr)
        return 1
    if arguments.quick:
        print("Quick: everything is tried, and the figures mean nothing.\n", flush=True)
    databases = Databases(options.server_url)
    try:
        for name in names:
            benchmark = BENCHMARKS[name]
            print(table(benchmark.TITLE, benchmark.run(options, databases)), end="\n\n", flush=True)
    finally:
        databases.drop_all()
    return 0


def find_server_fault(url: str) -> str:
    """Why no connection to the server can be made; empty when one can."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error)
    return ""


def parse(words: list[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"default: all of {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, help="pairs of measurements (default: 5)")
    parser.add_argument(
        "--events", type=int, help="events in a round of ingest_batch and fold (default: 100000)"
    )
    parser.add_argument("--quick", action="store_true", help="only try that everything works, in a minute")
    arguments = parser.parse_args(words)
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    return arguments


def read_options(arguments: Namespace) -> Options:
    server_url = os.environ.get("BENCH_DATABASE_URL", DEFAULT_SERVER)
    options = quick(server_url) if arguments.quick else Options(server_url=server_url)
    chosen = {name: value for name in ("rounds", "events") if (value := getattr(arguments, name)) is not None}
    return replace(options, **chosen)


if __name__ == "__main__":
    # Like Ctrl-C: what was started is stopped, and what was made is dropped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
