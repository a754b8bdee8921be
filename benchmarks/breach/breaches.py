"""What can be broken, and what people are told of it then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.breach.pace import Pace, seconds_of
from benchmarks.breach.portal import Portal

# How their alerts are summed up; each window of an alert has a text of its own.
KPI_OFF_TARGET = ("Template suggestion rate is off target",)
LAGGING = ("The KPIs of production stand still",)
LEFT_ON = ("The portal has refused posts for an hour",)
POSTS_FAIL = tuple(f"Ingest availability: {share}% of the budget is spent" for share in (2, 5))
APP_SERVERS_FAIL = ("The app servers of production fail",)


@dataclass(frozen=True, kw_only=True)
class Breach:
    """`wait` is how many seconds the broken thing has to last to be a breach."""

    name: str
    summaries: tuple[str, ...]
    break_it: Callable[[], None]
    mend_it: Callable[[], None]
    wait: float = 0


def quick_breaches(portal: Portal, *, pace: Pace) -> Iterator[Breach]:
    """Those that are over within a minute of being mended, at the pace of production too."""
    yield Breach(name="KPI", summaries=KPI_OFF_TARGET, break_it=portal.break_kpi, mend_it=portal.mend_kpi)
    yield Breach(
        name="rollup",
        summaries=LAGGING,
        break_it=portal.stop_rollup,
        mend_it=portal.resume_rollup,
        wait=pace.lag_seconds,
    )
    yield Breach(
        name="errors",
        summaries=APP_SERVERS_FAIL,
        break_it=portal.fail_app_servers,
        mend_it=portal.mend_app_servers,
    )
    yield Breach(
        name="maintenance",
        summaries=LEFT_ON,
        break_it=portal.begin_maintenance,
        mend_it=portal.end_maintenance,
        wait=seconds_of(pace.left_on) / pace.factor,
    )
