"""`python -m faults [name …]`: breaks portals in many ways, and prints what came of it. See docs/faults.md."""

import signal
import sys
import time
from argparse import ArgumentParser, Namespace

from faults.campaign import Campaign
from faults.catalogue import FAULTS
from faults.report import header, row_text

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def main(words: list[str]) -> int:
    """0, or 1 when a row is red."""
    given = parse(words)
    campaign = Campaign(
        names=given.names or tuple(FAULTS),
        databases=[DATABASES[given.database]] if given.database else tuple(DATABASES.values()),
        is_short=given.short,
    )
    began_at, red = time.monotonic(), 0
    print(header(), flush=True)
    for row in campaign.run():
        red += bool(row.complaints)
        print(row_text(row), flush=True)
    print(f"\n{red} red, in {time.monotonic() - began_at:.0f} s", flush=True)
    return 1 if red else 0


def parse(words: list[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"default: all of {', '.join(FAULTS)}")
    parser.add_argument("--database", choices=DATABASES, help="default: both")
    parser.add_argument("--short", action="store_true", help="less of everything")
    given = parser.parse_args(words)
    for name in given.names:
        if name not in FAULTS:
            parser.error(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
    return given


if __name__ == "__main__":
    # Like Ctrl-C: what was started is stopped, and what was mounted is unmounted.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
