"""What the alerts are tried with: series as promtool's unit tests have them, and which alerts fire then.

Every alert has a case in which it fires and one in which it is silent, near the threshold where there is one. An alert
with a minimum also has a case that is bad enough, but of too little.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from math import ceil, floor

from kpis.registry import DEFINITIONS
from metrics.rules.promql import window_text
from objectives.definitions import BURN_WINDOWS, BurnWindow, Objective, burn_windows, get_objectives

Series = Mapping[str, str]
DAY = 24 * 60


class Kind(Enum):
    FIRES = "fires"
    SILENT = "silent"
    TOO_LITTLE = "too little"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`rule` is an alert by its name and its own label. After `at` minutes it fires with `labels`, or is silent.

    The series have a value every `interval` minutes, and rules are evaluated `every` so many (0: as often). Cases of
    one `batch` do not disturb each other, and are tried together: to set a test up takes longer than the test.
    """

    rule: tuple[str, ...]
    kind: Kind
    series: Series
    at: int
    interval: int = 1
    labels: Mapping[str, str] | None = None
    batch: str = ""
    every: int = 0

    @property
    def alert(self) -> str:
        return self.rule[0]


# Objectives -----------------------------------------------------------------------------------------------

POSTS = 'route="telemetry:ingest",method="POST"'
IN_PRODUCTION = 'environment="production"'
# Objective → (labels of its alerts' series, a series of what is good, one of what is not): in cases where each event
# is in exactly one of two series. In a histogram the count is of both.
COUNTERS = {
    "ingest-availability": (
        f'portal_http_request_duration_seconds_count{{{POSTS},status_family="2xx"}}',
        f'portal_http_request_duration_seconds_count{{{POSTS},status_family="5xx"}}',
    ),
    "workflow-success": (
        f'workflow_runs_total{{{IN_PRODUCTION},status="completed",trigger="manual"}}',
        f'workflow_runs_total{{{IN_PRODUCTION},status="failed",trigger="manual"}}',
    ),
    "template-suggestions": (
        f'appserver_requests_total{{{IN_PRODUCTION},route="/api/chat",status_family="2xx"}}',
        f'appserver_requests_total{{{IN_PRODUCTION},route="/api/chat",status_family="5xx"}}',
    ),
}
HISTOGRAMS = {
    "ingest-latency": (
        f'portal_http_request_duration_seconds_bucket{{{POSTS},status_family="2xx",le="0.3"}}',
        f'portal_http_request_duration_seconds_count{{{POSTS},status_family="2xx"}}',
    ),
    "approval-wait": (
        f'workflow_approval_wait_time_seconds_bucket{{{IN_PRODUCTION},approved="true",le="900.0"}}',
        f'workflow_approval_wait_time_seconds_count{{{IN_PRODUCTION},approved="true"}}',
    ),
}
GAUGES = {"kpi-freshness": f"portal_rollup_lag_seconds{{{IN_PRODUCTION}}}"}
GOOD_LAG, BAD_LAG = 2, 90


def objective_series(name: str, *, every: float, bad: float, steps: int) -> Series:
    """`every` events a step, of which the share `bad` is; of a gauge, the last steps are."""
    if name in GAUGES:
        late = round(bad * steps)
        return {
            GAUGES[name]: f"{GOOD_LAG}x{steps - late} {BAD_LAG}x{late}" if late else f"{GOOD_LAG}x{steps}"
        }
    good, other = (COUNTERS | HISTOGRAMS)[name]
    rest = every if name in HISTOGRAMS else every * bad
    return {good: f"0+{every * (1 - bad):.6f}x{steps}", other: f"0+{rest:.6f}x{steps}"}


def batch_of(name: str) -> str:
    """The two objectives of posts count the same requests, so they are tried apart."""
    return name if name == "ingest-latency" or name in GAUGES else "objectives"


def place_of(name: str) -> dict[str, str]:
    return {} if name.startswith("ingest") else {"environment": "production"}


def burn_cases(window: BurnWindow) -> Iterator[Case]:
    """Each objective: a little too bad, a little better than that, all bad of too little, and mended since."""
    interval = max(window.short_minutes // 5, 1)
    steps = window.long_minutes // interval
    for objective in get_objectives().values():
        if window not in burn_windows(objective):
            continue
        labels = place_of(objective.name) | {
            "objective": objective.name,
            "severity": window.severity,
            "window": window_text(window.long_minutes),
        }
        plenty = 40 * objective.minimum / steps
        limit = window.factor(objective) * objective.budget
        for kind in Kind:
            if kind is Kind.TOO_LITTLE and objective.name in GAUGES:
                yield too_few_minutes(objective, window=window, interval=interval)
                continue
            every = 0.5 * objective.minimum / steps if kind is Kind.TOO_LITTLE else plenty
            bad = share_of(limit, kind=kind, name=objective.name, steps=steps)
            yield Case(
                rule=burn_rule(objective, window=window),
                kind=kind,
                series=objective_series(objective.name, every=every, bad=bad, steps=steps),
                at=steps * interval,
                interval=interval,
                labels=labels if kind is Kind.FIRES else None,
                batch=batch_of(objective.name),
                every=0 if objective.name in GAUGES else steps * interval,
            )
        yield mended(objective, window=window, interval=interval)


def share_of(limit: float, *, kind: Kind, name: str, steps: int) -> float:
    """A share near the limit; of a gauge whole steps are bad."""
    if kind is Kind.TOO_LITTLE:
        return 1
    share = min(limit * (1.15 if kind is Kind.FIRES else 0.85), 1)
    if name not in GAUGES:
        return share
    return (ceil if kind is Kind.FIRES else floor)(share * steps) / steps


def burn_rule(objective: Objective, *, window: BurnWindow) -> tuple[str, ...]:
    return objective.alert_name, window_text(window.long_minutes)


def too_few_minutes(objective: Objective, *, window: BurnWindow, interval: int) -> Case:
    """The first samples are bad ones: a portal that has just begun."""
    steps = max((objective.minimum - 2) // interval, 0)
    return Case(
        rule=burn_rule(objective, window=window),
        kind=Kind.TOO_LITTLE,
        batch=batch_of(objective.name),
        series={GAUGES[objective.name]: f"{BAD_LAG}x{steps}"},
        at=steps * interval,
        interval=interval,
    )


def mended(objective: Objective, *, window: BurnWindow, interval: int) -> Case:
    """All was bad for half of the long window, and nothing is in the short one."""
    steps = window.long_minutes // interval
    calm = window.short_minutes // interval + 2
    bad = steps // 2
    if objective.name in GAUGES:
        series = {GAUGES[objective.name]: f"{BAD_LAG}x{bad} {GOOD_LAG}x{calm}"}
    else:
        every = 40 * objective.minimum / steps
        good, other = (COUNTERS | HISTOGRAMS)[objective.name]
        end = f"{every * bad:.6f}"
        rest = f"{end}+{every:.6f}x{calm}" if objective.name in HISTOGRAMS else f"{end}x{calm}"
        series = {good: f"0x{bad} {every:.6f}+{every:.6f}x{calm}", other: f"0+{every:.6f}x{bad} {rest}"}
    return Case(
        rule=burn_rule(objective, window=window),
        kind=Kind.SILENT,
        batch=batch_of(objective.name),
        series=series,
        at=(bad + calm + 1) * interval,
        every=0 if objective.name in GAUGES else (bad + calm + 1) * interval,
        interval=interval,
    )


def no_data_cases() -> Iterator[Case]:
    for name in get_objectives():
        series = objective_series(name, every=5, bad=0, steps=60)
        rule = ("ObjectiveNoData", name)
        batch = batch_of(name)
        labels = {"objective": name, "severity": "ticket", **place_of(name)}
        yield Case(rule=rule, kind=Kind.SILENT, series=series, at=60, batch=batch)
        yield Case(rule=rule, kind=Kind.FIRES, series=series, at=80, labels=labels, batch=batch)
        # A day later nobody remembers, as of an environment that is no more.
        yield Case(rule=rule, kind=Kind.SILENT, series=series, at=5 * 60 + DAY + 10, interval=5, batch=batch)


# Thresholds -----------------------------------------------------------------------------------------------

TICKET, PAGE = {"severity": "ticket"}, {"severity": "page"}
HERE = {"environment": "production"}


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Series in which an alert without a label of its own fires and is silent; the rest as a Case has it."""

    alert: str
    fires: Series
    silent: Series
    too_little: Series | None = None
    labels: Mapping[str, str]
    at: int = 20
    interval: int = 1
    every: int = 0

    def cases(self) -> Iterator[Case]:
        series = {Kind.FIRES: self.fires, Kind.SILENT: self.silent, Kind.TOO_LITTLE: self.too_little}
        for kind, own in series.items():
            if own is not None:
                yield Case(
                    rule=(self.alert,),
                    kind=kind,
                    series=own,
                    labels=self.labels if kind is Kind.FIRES else None,
                    at=self.at,
                    interval=self.interval,
                    every=self.every,
                )


def maintenance_cases() -> Iterator[Case]:
    """On until the window and a minute after it; what is missing is missed for half an hour."""
    spans = {window_text(window.long_minutes): window.short_minutes for window in BURN_WINDOWS}
    for name, minutes in {"": 30, **spans}.items():
        own = {"window": name} if name else {}
        rule = ("MaintenanceOn", *own.values())
        series = {"portal_maintenance": f"0x5 1x9 0x{minutes + 2}"}
        labels = {"severity": "none", **own}
        last = 15
        yield Case(rule=rule, kind=Kind.SILENT, series=series, at=5)
        yield Case(rule=rule, kind=Kind.FIRES, series=series, at=6, labels=labels)
        yield Case(rule=rule, kind=Kind.FIRES, series=series, at=last + minutes + 1, labels=labels)
        yield Case(rule=rule, kind=Kind.SILENT, series=series, at=last + minutes + 2)
    # The portal was stopped while it was on.
    stopped = {"portal_maintenance": "1x5 _x20"}
    yield Case(rule=("MaintenanceOn",), kind=Kind.FIRES, series=stopped, at=25, labels={"severity": "none"})


def used_series(count: int) -> Series:
    family = 'family="agent_runs_total"'
    return {
        f"portal_metrics_series{{{family}}}": f"{count}x20",
        f"portal_metrics_series_budget{{{family}}}": "200x20",
    }


def received(outcome: str) -> str:
    return f'portal_events_received_total{{{IN_PRODUCTION},outcome="{outcome}"}}'


def rejections(*, rejected: float, accepted: float) -> Series:
    """An hour in which so many events a minute were rejected and accepted."""
    return {
        received("rejected"): f"0+{rejected}x60",
        received("accepted"): f"0+{accepted}x60",
    }


UP = 'up{job="portal",instance="web:8000"}'
LAG = f"portal_rollup_lag_seconds{{{IN_PRODUCTION}}}"
WORKER = 'up{job="portal-worker",instance="worker:8090"}'
FAILURES = 'portal_task_failures_total{task="rollup",job="portal-worker",instance="worker:8090"}'
PORTAL = (
    Tried(
        alert="PortalDown",
        fires={UP: "1x10 0x10"},
        silent={UP: "1x20"},
        labels={"job": "portal", "instance": "web:8000", **PAGE},
    ),
    Tried(
        alert="MetricsNotCollected",
        fires={
            'portal_metrics_collect_error{instance="a"}': "1x20",
            'portal_metrics_collect_error{instance="b"}': "0x20",
        },
        silent={'portal_metrics_collect_error{instance="a"}': "0x20"},
        labels=PAGE,
    ),
    Tried(alert="RollupLagHigh", fires={LAG: "61x20"}, silent={LAG: "60x20"}, labels=HERE | PAGE),
    Tried(
        alert="PortalWorkerDown",
        fires={WORKER: "1x10 0x10"},
        silent={WORKER: "1x20"},
        labels={"job": "portal-worker", "instance": "worker:8090", **TICKET},
    ),
    Tried(
        alert="TasksFailing",
        fires={FAILURES: "0x10 1 2 3 4x7"},
        silent={FAILURES: "0x10 1 2 3x8"},
        labels={"task": "rollup", **TICKET},
    ),
    Tried(
        alert="RawRetentionBehind",
        fires={"portal_retention_behind_seconds": "21601x20"},
        silent={"portal_retention_behind_seconds": "21600x20"},
        labels=TICKET,
    ),
    Tried(
        alert="SeriesBudgetExceeded",
        fires=used_series(200),
        silent=used_series(199),
        labels={"family": "agent_runs_total", **TICKET},
    ),
    Tried(
        alert="MaintenanceLeftOn",
        fires={"portal_maintenance": "1x61"},
        silent={"portal_maintenance": "0x5 1x55"},
        at=60,
        labels=TICKET,
    ),
    Tried(
        alert="QuarantineGrowing",
        fires=rejections(rejected=2, accepted=30),
        silent=rejections(rejected=2, accepted=50),
        too_little=rejections(rejected=1.5, accepted=0),
        at=60,
        labels=HERE | TICKET,
    ),
)

# Alerts that compare with yesterday and a week ago: a value every ten minutes.
ACCEPTED = received("accepted")
REQUESTS = f"appserver_requests_total{{{IN_PRODUCTION}}}"
STEPS_A_DAY, STEPS_AN_HOUR = DAY // 10, 6
BEFORE = 2 * STEPS_A_DAY - STEPS_AN_HOUR
COMPARISONS = (
    Tried(
        alert="NoEvents",
        fires={ACCEPTED: f"0+10x{BEFORE} {10 * BEFORE}x{STEPS_AN_HOUR}"},
        silent={ACCEPTED: f"0+10x{2 * STEPS_A_DAY - 1} {10 * (2 * STEPS_A_DAY - 1)}x1"},
        too_little={ACCEPTED: f"0+5x{BEFORE} {5 * BEFORE}x{STEPS_AN_HOUR}"},
        labels=HERE | TICKET,
        at=2 * DAY,
        interval=10,
        every=2 * DAY,
    ),
    Tried(
        alert="AppServerThroughputDrop",
        fires={REQUESTS: f"0+100x{BEFORE} {100 * BEFORE}+29x{STEPS_AN_HOUR}"},
        silent={REQUESTS: f"0+100x{BEFORE} {100 * BEFORE}+31x{STEPS_AN_HOUR}"},
        too_little={REQUESTS: f"0+20x{BEFORE} {20 * BEFORE}x{STEPS_AN_HOUR}"},
        labels=HERE | PAGE,
        at=2 * DAY,
        interval=10,
        every=2 * DAY,
    ),
)


def latencies(*, slow: int, fast: int) -> Series:
    """So many requests a minute that took 5 to 10 s, and below 50 ms."""
    name = "appserver_request_duration_seconds"
    bounds = {"0.05": fast, "2.5": fast, "5.0": fast, "10.0": fast + slow, "+Inf": fast + slow}
    return {
        **{f'{name}_bucket{{{IN_PRODUCTION},le="{le}"}}': f"0+{count}x20" for le, count in bounds.items()},
        f"{name}_count{{{IN_PRODUCTION}}}": f"0+{fast + slow}x20",
    }


def answers(*, failed: float, good: float) -> Series:
    name = f"appserver_requests_total{{{IN_PRODUCTION}"
    return {
        f'{name},status_family="5xx"}}': f"0+{failed}x20",
        f'{name},status_family="2xx"}}': f"0+{good}x20",
    }


def buffers(*, started: float, aborted: float) -> Series:
    return {
        f"tool_buffer_started_total{{{IN_PRODUCTION}}}": f"0+{started}x20",
        f"tool_buffer_aborted_total{{{IN_PRODUCTION}}}": f"0+{aborted}x20",
    }


RESTARTS = f"appserver_worker_restarts_total{{{IN_PRODUCTION}}}"
BACKOFF = f"appserver_worker_backoff_seconds{{{IN_PRODUCTION}}}"
MAINTENANCE = f"appserver_maintenance{{{IN_PRODUCTION}}}"
APP_SERVERS = (
    Tried(
        alert="AppServerLatencyHigh",
        fires=latencies(slow=3, fast=47),
        silent=latencies(slow=2, fast=48),
        too_little=latencies(slow=5, fast=0),
        labels=HERE | PAGE,
    ),
    Tried(
        alert="AppServerErrorRateHigh",
        fires=answers(failed=1.1, good=19),
        silent=answers(failed=0.9, good=19.1),
        too_little=answers(failed=9, good=0),
        labels=HERE | PAGE,
    ),
    Tried(
        alert="AppServerRestarting",
        fires={RESTARTS: "0x10 1 2 3 4x7"},
        # increase() makes 3.2 of these three.
        silent={RESTARTS: "0x10 1 2 3x8"},
        labels=HERE | TICKET,
    ),
    Tried(
        alert="AppServerWorkerBackoff",
        fires={BACKOFF: "0x10 31x10"},
        silent={BACKOFF: "30x19 31"},
        labels=HERE | TICKET,
    ),
    Tried(
        alert="AppServerMaintenanceLeftOn",
        fires={MAINTENANCE: "1x61"},
        silent={MAINTENANCE: "0x5 1x55"},
        at=60,
        labels=HERE | TICKET,
    ),
    Tried(
        alert="ToolBufferAborts",
        fires=buffers(started=5, aborted=0.6),
        silent=buffers(started=5, aborted=0.4),
        too_little=buffers(started=1, aborted=1),
        labels=HERE | TICKET,
    ),
)

MORE_CASES = (
    # All at once, of an environment that is two minutes old.
    Case(
        rule=("QuarantineGrowing",),
        kind=Kind.FIRES,
        series={received("accepted"): "0x3", received("rejected"): "0 0 400 400"},
        at=3,
        labels=HERE | TICKET,
    ),
    # The gauge is gone while the only web server restarts, and comes back; or it is gone for good.
    Case(
        rule=("RollupLagHigh",),
        kind=Kind.FIRES,
        series={LAG: "61x5 _x4 61x5"},
        at=9,
        labels=HERE | PAGE,
    ),
    Case(rule=("RollupLagHigh",), kind=Kind.SILENT, series={LAG: "61x5 _x14"}, at=16),
    # Workers that were scraped are known no more; a portal without any never had them.
    Case(
        rule=("PortalWorkerDown",),
        kind=Kind.FIRES,
        series={WORKER: "1x5 _x15"},
        at=20,
        labels={"job": "portal-worker", **TICKET},
    ),
    Case(rule=("PortalWorkerDown",), kind=Kind.SILENT, series={UP: "1x20"}, at=20),
    # Two bad minutes of twelve are not 5 % of a budget of 200 minutes, nor ten slow posts of 150 of that of weeks.
    Case(rule=("KpiFreshnessBurning", "6h"), kind=Kind.TOO_LITTLE, series={LAG: "2x9 90x2"}, at=12),
    Case(
        rule=("IngestLatencyBurning", "6h"),
        kind=Kind.TOO_LITTLE,
        series={HISTOGRAMS["ingest-latency"][0]: "0+14x10", HISTOGRAMS["ingest-latency"][1]: "0+15x10"},
        at=10,
    ),
    # Nothing is scraped that has the portal's job.
    Case(
        rule=("PortalDown",),
        kind=Kind.FIRES,
        series={'up{job="other"}': "1x20"},
        at=20,
        labels={"job": "portal", **PAGE},
    ),
    # Nothing came a week ago either.
    Case(
        rule=("NoEvents",),
        kind=Kind.SILENT,
        series={
            ACCEPTED: f"0x{STEPS_A_DAY + STEPS_AN_HOUR}"
            f" 0+10x{7 * STEPS_A_DAY - 2 * STEPS_AN_HOUR}"
            f" {10 * (7 * STEPS_A_DAY - 2 * STEPS_AN_HOUR)}x{STEPS_AN_HOUR + 6}"
        },
        at=8 * DAY,
        interval=10,
        every=8 * DAY,
    ),
    # A week ago there were as few.
    Case(
        rule=("AppServerThroughputDrop",),
        kind=Kind.SILENT,
        series={
            REQUESTS: f"0+40x{STEPS_A_DAY + STEPS_AN_HOUR}"
            f" 0+200x{7 * STEPS_A_DAY - 2 * STEPS_AN_HOUR}"
            f" {1400 * STEPS_A_DAY}+40x{STEPS_AN_HOUR + 6}"
        },
        at=8 * DAY,
        interval=10,
        every=8 * DAY,
    ),
)


def threshold_cases() -> Iterator[Case]:
    for tried in (*PORTAL, *COMPARISONS, *APP_SERVERS):
        yield from tried.cases()
    yield from MORE_CASES
    yield from maintenance_cases()


# KPIs -----------------------------------------------------------------------------------------------------


def kpi_cases() -> Iterator[Case]:
    for kpi in DEFINITIONS:
        own = {"kpi": kpi.slug, "persona": kpi.persona.value}
        rule = ("KpiOffTarget", kpi.slug)
        batch = "kpis"
        yield Case(
            rule=rule,
            kind=Kind.FIRES,
            batch=batch,
            # Two replicas say the same.
            series={
                **{verdict(own, window="7d", instance=one): "1x5 0x5" for one in ("a", "b")},
                verdict(own, window="7d", gauge="value"): "0.5x10",
            },
            at=10,
            labels=own | HERE | TICKET,
        )
        # On target again, for less than five minutes and for longer.
        ends = {
            verdict(own, window="7d"): "0x5 1x10",
            verdict(own, window="7d", gauge="value"): "0.5x15",
        }
        yield Case(
            rule=rule, kind=Kind.FIRES, series=ends, at=9, labels=own | HERE | TICKET, batch=f"{batch} end"
        )
        yield Case(rule=rule, kind=Kind.SILENT, series=ends, at=12, batch=f"{batch} end")
        # What may be noise lets no alert fire, and keeps the one that fires.
        close = verdict(own, window="7d", gauge="too_close_to_call")
        off = {verdict(own, window="7d"): "0x15", verdict(own, window="7d", gauge="value"): "0.5x15"}
        yield Case(rule=rule, kind=Kind.SILENT, series={**off, close: "1x15"}, at=10, batch=f"{batch} noise")
        yield Case(
            rule=rule,
            kind=Kind.FIRES,
            series={**off, close: "0x3 1x12"},
            at=14,
            labels=own | HERE | TICKET,
            batch=f"{batch} kept",
        )
        # Over a day it is off target; over the window of the alert too few events came, so there is no sample.
        yield Case(rule=rule, kind=Kind.TOO_LITTLE, series=few_of_a_day(own), at=10, batch=batch)


def few_of_a_day(labels: Mapping[str, str]) -> Series:
    return {
        verdict(labels, window="1d"): "0x10",
        **{verdict(labels, window=window, gauge="value"): "0.5x10" for window in ("1d", "7d")},
    }


def verdict(labels: Mapping[str, str], *, window: str, instance: str = "a", gauge: str = "on_target") -> str:
    parts = labels | HERE | {"window": window, "instance": instance}
    matchers = ",".join(f'{name}="{value}"' for name, value in parts.items())
    return f"workbench_kpi_{gauge}{{{matchers}}}"


ALL_CASES: tuple[Case, ...] = (
    *(case for window in BURN_WINDOWS for case in burn_cases(window)),
    *no_data_cases(),
    *threshold_cases(),
    *kpi_cases(),
)
