"""What each KPI measures: the rows that it counts in a set of base buckets, read from the workbench's things.

A measure is a pure function of the things, the event counts and the entered counts; raw events are not read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from django.db import connection

from kpis.days import day_start, local_day
from kpis.histogram import LOG_GAMMA, ZERO_BIN
from kpis.models import EnteredCount
from workbench.buckets import Bucket, bucket_of
from workbench.costs import estimate_cost
from workbench.dialect import Dialect, current
from workbench.models import AgentRun, ApprovalDecision, Draft, EventCount, WorkflowRun

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MeasuredRanges:
    """Where to measure: an environment, in half-open ranges of moments that lie on bucket boundaries."""

    environment: str
    ranges: Sequence[tuple[datetime, datetime]]
    zone: ZoneInfo
    cost_usd_per_minute: Decimal


@dataclass(frozen=True, slots=True)
class Counted:
    """Equal things of one bucket, added up: see KpiBucket for the units of numerator and denominator.

    `excluded` names why they could not be measured; then denominator is their number. `bin` is the histogram
    bin of a duration.
    """

    bucket: Bucket
    dimensions: tuple[tuple[str, str], ...]
    numerator: int
    denominator: int
    bin: int | None = None
    excluded: str = ""


@dataclass(frozen=True)
class Things:
    """A table of things to count: SQL expressions over it, each in the database's own words.

    `moment` decides the bucket; `excluded` is NULL for what can be measured, else the reason.
    """

    table: str
    moment: str
    where: str = "true"
    dimensions: Mapping[str, str] = field(default_factory=dict)
    numerator: str = "1"
    denominator: str = "1"
    duration: str = ""
    excluded: str = "NULL"


def count(things: Things, *, scope: MeasuredRanges, dialect: Dialect) -> Iterator[Counted]:
    """Counts the things of the scope by bucket, dimensions, reason and, for durations, histogram bin."""
    bin_index = _bin(things.duration, dialect) if things.duration else "NULL"
    keys = [dialect.bucket(things.moment), f"{things.excluded}", bin_index, *things.dimensions.values()]
    numerator = f"coalesce({things.duration}, 0)" if things.duration else things.numerator
    places = ", ".join(str(position + 1) for position in range(len(keys)))
    in_ranges = " OR ".join([f"({things.moment} >= %s AND {things.moment} < %s)"] * len(scope.ranges))
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(keys)}, sum({numerator}), sum({things.denominator}) FROM {things.table}"
            f" WHERE {things.table}.environment = %s AND ({things.where}) AND ({in_ranges}) GROUP BY {places}",
            [scope.environment, *(adapt(moment) for span in scope.ranges for moment in span)],
        )
        rows = cursor.fetchall()
    for bucket, excluded, bin_index, *values, numerator_sum, denominator_sum in rows:
        yield Counted(
            bucket=bucket,
            dimensions=tuple(zip(things.dimensions, values, strict=True)),
            numerator=0 if excluded else int(numerator_sum),
            denominator=int(denominator_sum),
            bin=None if excluded or bin_index is None else int(bin_index),
            excluded=excluded or "",
        )


def _bin(duration: str, dialect: Dialect) -> str:
    """kpis.histogram.bin_of in SQL."""
    seconds = (
        f"({duration})::double precision / 1000000"
        if dialect.vendor == "postgresql"
        else f"({duration}) / 1e6"
    )
    logarithm = f"ceiling(ln({seconds}) / {LOG_GAMMA!r})"
    return f"CASE WHEN ({duration}) > 0 THEN {logarithm} WHEN ({duration}) = 0 THEN {ZERO_BIN} END"


def _between(dialect: Dialect, start: str, end: str) -> str:
    return f"({dialect.microseconds(end)} - {dialect.microseconds(start)})"


def template_suggestions(scope: MeasuredRanges) -> Iterator[Counted]:
    return count(
        Things(
            table=EventCount._meta.db_table,
            moment="bucket_start",
            where="event IN ('workbench.template_suggested', 'workbench.chat_message_sent')",
            numerator="CASE event WHEN 'workbench.template_suggested' THEN events ELSE 0 END",
            denominator="CASE event WHEN 'workbench.chat_message_sent' THEN events ELSE 0 END",
        ),
        scope=scope,
        dialect=current(),
    )


def times_to_create(scope: MeasuredRanges) -> Iterator[Counted]:
    dialect = current()
    created = "coalesce(created_at, paired_created_at)"
    source = "CASE WHEN created_at IS NULL THEN paired_source ELSE source END"
    return count(
        Things(
            table=Draft._meta.db_table,
            moment="accepted_at",
            dimensions={"source": _known(source)},
            duration=_between(dialect, created, "accepted_at"),
            excluded=(
                f"CASE WHEN {created} IS NULL THEN 'no_creation'"
                f" WHEN {created} > accepted_at THEN 'created_after_acceptance' END"
            ),
        ),
        scope=scope,
        dialect=dialect,
    )


def adoption(scope: MeasuredRanges) -> Iterator[Counted]:
    dialect = current()
    drafts = Things(table=Draft._meta.db_table, moment="accepted_at", dimensions={"origin": "'workbench'"})
    created = Things(
        table=EventCount._meta.db_table,
        moment="bucket_start",
        where="event = 'workflow.created'",
        dimensions={"origin": "variant"},
        numerator="0",
        denominator="events",
    )
    yield from count(drafts, scope=scope, dialect=dialect)
    yield from count(created, scope=scope, dialect=dialect)
    yield from _entered(scope)


def _entered(scope: MeasuredRanges) -> Iterator[Counted]:
    """Entered counts, at the start of their local day."""
    for start, end in scope.ranges:
        days = (local_day(start, zone=scope.zone), local_day(end, zone=scope.zone))
        entered = EnteredCount.objects.filter(
            environment=scope.environment, date__range=days, workflows__gt=0
        )
        for date, source, workflows in entered.values_list("date", "source", "workflows"):
            moment = day_start(date, zone=scope.zone)
            if start <= moment < end:
                yield Counted(
                    bucket=bucket_of(moment),
                    dimensions=(("origin", source),),
                    numerator=0,
                    denominator=workflows,
                )


def template_usage(scope: MeasuredRanges) -> Iterator[Counted]:
    used = (
        "has_template_source OR template_inserted_at <= accepted_at"
        " OR (created_at IS NULL AND paired_source = 'template')"
    )
    return count(
        Things(
            table=Draft._meta.db_table, moment="accepted_at", numerator=f"CASE WHEN {used} THEN 1 ELSE 0 END"
        ),
        scope=scope,
        dialect=current(),
    )


def workflow_successes(scope: MeasuredRanges) -> Iterator[Counted]:
    return count(
        Things(
            table=WorkflowRun._meta.db_table,
            moment="completed_at",
            where="status IN ('completed', 'failed')",
            dimensions={"workflow": _WORKFLOW, "trigger": _known("trigger")},
            numerator="CASE status WHEN 'completed' THEN 1 ELSE 0 END",
        ),
        scope=scope,
        dialect=current(),
    )


def workflow_durations(scope: MeasuredRanges) -> Iterator[Counted]:
    dialect = current()
    return count(
        Things(
            table=WorkflowRun._meta.db_table,
            moment="completed_at",
            dimensions={"workflow": _WORKFLOW, "status": "status"},
            duration=_run_duration(dialect),
            excluded=(
                "CASE WHEN duration_ms IS NOT NULL THEN NULL WHEN started_at IS NULL THEN 'no_start'"
                " WHEN started_at > completed_at THEN 'completed_before_start' END"
            ),
        ),
        scope=scope,
        dialect=dialect,
    )


def approval_waits(scope: MeasuredRanges) -> Iterator[Counted]:
    dialect = current()
    return count(
        Things(
            table=ApprovalDecision._meta.db_table,
            moment="decided_at",
            where="NOT is_repeat",
            dimensions={"approved": "CASE WHEN approved THEN 'true' ELSE 'false' END"},
            duration=_between(dialect, "requested_at", "decided_at"),
            excluded=(
                "CASE WHEN requested_at IS NULL THEN 'no_request'"
                " WHEN requested_at > decided_at THEN 'decided_before_request' END"
            ),
        ),
        scope=scope,
        dialect=dialect,
    )


def approvals(scope: MeasuredRanges) -> Iterator[Counted]:
    return count(
        Things(
            table=ApprovalDecision._meta.db_table,
            moment="decided_at",
            where="NOT is_repeat",
            numerator="CASE WHEN approved THEN 1 ELSE 0 END",
        ),
        scope=scope,
        dialect=current(),
    )


def agent_failures(scope: MeasuredRanges) -> Iterator[Counted]:
    return count(
        Things(
            table=AgentRun._meta.db_table,
            moment="completed_at",
            where="status IN ('completed', 'failed')",
            dimensions={"agent": _known("agent_name")},
            numerator="CASE status WHEN 'failed' THEN 1 ELSE 0 END",
        ),
        scope=scope,
        dialect=current(),
    )


def costs(scope: MeasuredRanges) -> Iterator[Counted]:
    """Reported costs of agent runs, and an estimate for each workflow run of which no agent run reports one."""
    dialect = current()
    runs, agents = WorkflowRun._meta.db_table, AgentRun._meta.db_table
    workflow = (
        f"coalesce((SELECT {_WORKFLOW} FROM {runs} AS run WHERE run.environment = {agents}.environment"
        f" AND run.run_id = {agents}.run_id), '{UNKNOWN}')"
    )
    yield from count(
        Things(
            table=agents,
            moment="completed_at",
            where="cost_micro_usd IS NOT NULL",
            dimensions={"workflow": workflow},
            numerator="cost_micro_usd",
        ),
        scope=scope,
        dialect=dialect,
    )
    duration = _run_duration(dialect)
    estimated = count(
        Things(
            table=runs,
            moment="completed_at",
            where=f"{duration} >= 0 AND NOT EXISTS (SELECT 1 FROM {agents} AS agent"
            f" WHERE agent.environment = {runs}.environment AND agent.run_id = {runs}.run_id"
            " AND agent.cost_micro_usd IS NOT NULL)",
            dimensions={"workflow": _WORKFLOW},
            numerator=duration,
        ),
        scope=scope,
        dialect=dialect,
    )
    for counted in estimated:
        yield Counted(
            bucket=counted.bucket,
            dimensions=counted.dimensions,
            numerator=estimate_cost(counted.numerator, usd_per_minute=scope.cost_usd_per_minute),
            denominator=counted.denominator,
        )


def _known(expression: str) -> str:
    return f"coalesce(nullif({expression}, ''), '{UNKNOWN}')"


def _run_duration(dialect: Dialect) -> str:
    return f"coalesce(duration_ms * 1000, {_between(dialect, 'started_at', 'completed_at')})"


_WORKFLOW = f"coalesce(nullif(workflow_name, ''), nullif(workflow_id, ''), '{UNKNOWN}')"

Measure = Callable[[MeasuredRanges], Iterable[Counted]]

# By KPI; a test holds the keys against the registry's.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "template-suggestion-rate": template_suggestions,
        "time-to-create-workflow": times_to_create,
        "workbench-adoption": adoption,
        "template-usage-rate": template_usage,
        "workflow-success-rate": workflow_successes,
        "workflow-duration": workflow_durations,
        "approval-wait": approval_waits,
        "approval-rate": approvals,
        "agent-failure-rate": agent_failures,
        "execution-cost": costs,
    }
)
