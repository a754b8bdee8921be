"""`python -m benchmarks.breach [times] [kind …]`: breaks each kind of thing so many times (5), and prints what it took.

Kinds are KPI, rollup, errors and maintenance. Seconds from the breach to Slack and to the portal's page, and from the
mending to both. A breach of the rollup begins when its lag passes the threshold, and one of maintenance when it was on
for a minute: for this its rule does not wait for an hour. Nor is an alert kept for five minutes. Ends with 1 where
something took longer than a minute.
"""

import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Collection, Iterator
from pathlib import Path

from benchmarks.breach.breaches import Breach, quick_breaches
from benchmarks.breach.pace import Pace
from benchmarks.breach.stack import Stack, running_stack, seconds_until

MOST_SECONDS = 60
PATIENCE = 180
PACE = Pace(left_on="1m", kept="1s")
KINDS = ("KPI", "rollup", "errors", "maintenance")
COLUMNS = ("breach", "told Slack", "on the page", "over: Slack", "over: page")


def main(words: list[str]) -> int:
    parser = ArgumentParser(prog="python -m benchmarks.breach")
    parser.add_argument("times", nargs="?", type=int, default=5)
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"default: all of {', '.join(KINDS)}")
    arguments = parser.parse_args(words)
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    print("".join(column.rjust(14) for column in COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder), pace=PACE) as stack:
        rows = list(measured(stack, times=arguments.times, kinds=arguments.kinds or KINDS))
    return 0 if all(seconds <= MOST_SECONDS for _, *row in rows for seconds in row) else 1


def measured(
    stack: Stack, *, times: int, kinds: Collection[str]
) -> Iterator[tuple[str, float, float, float, float]]:
    stack.portal.know_app_servers()
    time.sleep(2 * PACE.scrape_seconds)
    for _ in range(times):
        for breach in quick_breaches(stack.portal, pace=PACE):
            if breach.name in kinds:
                row = (breach.name, *told_and_over(stack, breach))
                print("".join(cell(value).rjust(14) for value in row), flush=True)
                yield row


def told_and_over(stack: Stack, breach: Breach) -> tuple[float, float, float, float]:
    breach.break_it()
    time.sleep(breach.wait)
    told = until_known(stack, breach, is_firing=True)
    breach.mend_it()
    return (*told, *until_known(stack, breach, is_firing=False))


def until_known(stack: Stack, breach: Breach, *, is_firing: bool) -> tuple[float, float]:
    """Seconds until Slack and until the page say so."""
    began_at = time.monotonic()
    in_chat = seconds_until(
        lambda: stack.is_in_chat(*breach.summaries, is_firing=is_firing), at_most=PATIENCE
    )
    seconds_until(lambda: stack.is_on_page(*breach.summaries) is is_firing, at_most=PATIENCE)
    return in_chat, time.monotonic() - began_at


def cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
