"""What each KPI measures: the rows that it counts in a set of base buckets, read from the workbench's things.

A measure is a pure function of the things, the event counts and the entered counts; raw events are not read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Model

from kpis.days import day_start, local_day
from kpis.histogram import LOG_GAMMA, ZERO_BIN
from kpis.models import EnteredCount
from workbench.buckets import Bucket, bucket_of
from workbench.costs import REPORTED_COST, estimate_cost
from workbench.dialect import Dialect, current
from workbench.durations import APPROVAL, DRAFT, RUN, Duration
from workbench.labels import UNKNOWN, WORKFLOW, or_unknown
from workbench.models import AgentRun, ApprovalDecision, Draft, EventCount, ModelCall, WorkflowRun


@dataclass(frozen=True)
class MeasuredRanges:
    """Where to measure: an environment, in half-open ranges of moments that lie on bucket boundaries.

    It is for one transaction, because it remembers `estimates`.
    """

    environment: str
    ranges: Sequence[tuple[datetime, datetime]]
    zone: ZoneInfo
    cost_usd_per_minute: Decimal

    @cached_property
    def estimates(self) -> Sequence["MeasuredRow"]:
        """The estimated costs, measured once: the KPI and the usage both need them."""
        return list(estimated_costs(self))


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """What a measure found in one bucket: equal rows, added up. KpiBucket gives the units of the sums.

    `excluded` names why they could not be measured; then denominator is their number. `bin` is the histogram
    bin of a duration.
    """

    bucket: Bucket
    dimensions: tuple[tuple[str, str], ...]
    numerator: int
    denominator: int
    bin: int | None = None
    excluded: str = ""


@dataclass(frozen=True, kw_only=True)
class TableMeasure:
    """A measure that counts rows of one table: which, and how. The texts are SQL that both databases understand.

    `moment` is the column that decides the bucket. `dimensions` are the breakdowns; `join` is what they need besides
    the table, which never changes how many rows there are. With a `duration`, the
    numerator is the sum of the durations that count; `without_start` and `ended_early` are the reasons under
    which the others are excluded.
    """

    model: type[Model]
    moment: str
    where: str = "true"
    left_out: str = "NULL"
    join: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    numerator: str = "1"
    denominator: str = "1"
    duration: Duration | None = None
    without_start: str = ""
    ended_early: str = ""


Measure = TableMeasure | Callable[[MeasuredRanges], Iterator[MeasuredRow]]


def measure(kpi: str, *, within: MeasuredRanges) -> Iterator[MeasuredRow]:
    """What the KPI of that slug counts. Raises KeyError for one that has no measure."""
    kpi_measure = MEASURES[kpi]
    if isinstance(kpi_measure, TableMeasure):
        return count(kpi_measure, within=within)
    return kpi_measure(within)


def count(table: TableMeasure, *, within: MeasuredRanges) -> Iterator[MeasuredRow]:
    """Counts the table's rows by bucket, reason of exclusion, histogram bin (of durations) and dimensions."""
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            count_statement(table, ranges=len(within.ranges), dialect=current()),
            [within.environment, *(adapt(moment) for bounds in within.ranges for moment in bounds)],
        )
        rows = cursor.fetchall()
    for bucket, excluded, bin_index, *values, numerator, denominator in rows:
        yield MeasuredRow(
            bucket=bucket,
            dimensions=tuple(zip(table.dimensions, values, strict=True)),
            numerator=0 if excluded else int(numerator),
            denominator=int(denominator),
            bin=None if excluded or bin_index is None else int(bin_index),
            excluded=excluded or "",
        )


def count_statement(table: TableMeasure, *, ranges: int, dialect: Dialect) -> str:
    """The SELECT that counts the rows; its parameters are the environment, then each range's start and end.

    Every table has an index that begins with its `moment`, so only the ranges are read.
    """
    excluded, bin_index, numerator = "NULL", "NULL", table.numerator
    if table.duration:
        microseconds = table.duration.microseconds(dialect)
        excluded = table.duration.exclusion(without_start=table.without_start, ended_early=table.ended_early)
        bin_index = bin_expression(microseconds, dialect=dialect)
        numerator = f"coalesce({microseconds}, 0)"
    dimensions = "".join(f"{expression},\n  " for expression in table.dimensions.values())
    places = ", ".join(str(place) for place in range(1, 4 + len(table.dimensions)))
    in_ranges = " OR ".join([f"({table.moment} >= %s AND {table.moment} < %s)"] * ranges)
    return f"""
SELECT
  {dialect.bucket(table.moment)} AS bucket,
  {excluded} AS excluded,
  {bin_index} AS bin,
  {dimensions}sum({numerator}) AS numerator,
  sum({table.denominator}) AS denominator
FROM {table.model._meta.db_table} AS thing{table.join}
WHERE thing.environment = %s AND ({table.where}) AND ({in_ranges})
GROUP BY {places}"""


def bin_expression(microseconds: str, *, dialect: Dialect) -> str:
    """`kpis.histogram.bin_of` in SQL; NULL for a duration that is below zero or not known."""
    seconds = (
        f"({microseconds})::double precision / 1000000"
        if dialect.vendor == "postgresql"
        else f"({microseconds}) / 1e6"
    )
    logarithm = f"ceiling(ln({seconds}) / {LOG_GAMMA!r})"
    return f"CASE WHEN ({microseconds}) > 0 THEN {logarithm} WHEN ({microseconds}) = 0 THEN {ZERO_BIN} END"


# Index: draft_accepted (accepted_at, environment).
ACCEPTED_DRAFTS = TableMeasure(model=Draft, moment="accepted_at", dimensions={"origin": "'workbench'"})

# Index: event_count_unique (bucket_start, event, variant, environment).
CREATED_ELSEWHERE = TableMeasure(
    model=EventCount,
    moment="bucket_start",
    where="event = 'workflow.created'",
    dimensions={"origin": "variant"},
    numerator="0",
    denominator="events",
)


def adoption(within: MeasuredRanges) -> Iterator[MeasuredRow]:
    """Workflows by where they were made: in the workbench, in other systems, and those that people entered."""
    yield from count(ACCEPTED_DRAFTS, within=within)
    yield from count(CREATED_ELSEWHERE, within=within)
    yield from _count_entered(within)


def _count_entered(within: MeasuredRanges) -> Iterator[MeasuredRow]:
    """Entered counts, at the start of their local day."""
    for start, end in within.ranges:
        days = (local_day(start, zone=within.zone), local_day(end, zone=within.zone))
        entered = EnteredCount.objects.filter(
            environment=within.environment, date__range=days, workflows__gt=0
        )
        for date, source, workflows in entered.values_list("date", "source", "workflows"):
            moment = day_start(date, zone=within.zone)
            if start <= moment < end:
                yield MeasuredRow(
                    bucket=bucket_of(moment),
                    dimensions=(("origin", source),),
                    numerator=0,
                    denominator=workflows,
                )


# SQL: the name of the workflow whose run a thing is part of; for a statement with `named_run`.
WORKFLOW_OF_RUN = f"coalesce(named_run.workflow_of_run, '{UNKNOWN}')"


def named_run(thing: str) -> str:
    """SQL: a join with the workflow run that a thing is part of, if it is known; `thing` is the alias of its table.

    Its columns have names of their own, so that those of the thing stay clear.
    """
    # Index: workflow_run_unique (run_id, environment).
    return f"""
LEFT JOIN (
  SELECT run_id AS run_id_of_run, environment AS environment_of_run, {WORKFLOW} AS workflow_of_run
  FROM {WorkflowRun._meta.db_table}
) AS named_run
  ON named_run.run_id_of_run = {thing}.run_id AND named_run.environment_of_run = {thing}.environment"""


# Index: agent_run_completed (completed_at, environment).
REPORTED_COSTS = TableMeasure(
    model=AgentRun,
    moment="completed_at",
    where=f"{REPORTED_COST} IS NOT NULL",
    join=named_run("thing"),
    dimensions={"workflow": WORKFLOW_OF_RUN},
    numerator=REPORTED_COST,
)

# Index: model_call_called (called_at, environment).
COSTS_WITHOUT_AGENT = TableMeasure(
    model=ModelCall,
    moment="called_at",
    where="owner_id = '' AND cost_micro_usd IS NOT NULL",
    join=named_run("thing"),
    dimensions={"workflow": WORKFLOW_OF_RUN},
    numerator="cost_micro_usd",
)

# Indexes: workflow_run_completed (completed_at, environment); the run's agents by agent_run_of_run (run_id,
# environment), its calls by model_call_run (run_id, environment).
RUNS_WITHOUT_REPORTED_COST = TableMeasure(
    model=WorkflowRun,
    moment="completed_at",
    where=f"""{RUN.counts} AND NOT EXISTS (
    SELECT 1 FROM {AgentRun._meta.db_table} AS agent
    WHERE agent.environment = thing.environment AND agent.run_id = thing.run_id
      AND agent.completed_at IS NOT NULL AND {REPORTED_COST} IS NOT NULL
  ) AND NOT EXISTS (
    SELECT 1 FROM {ModelCall._meta.db_table} AS call
    WHERE call.environment = thing.environment AND call.run_id = thing.run_id
      AND call.owner_id = '' AND call.cost_micro_usd IS NOT NULL
  )""",
    dimensions={"workflow": WORKFLOW},
)


def execution_costs(within: MeasuredRanges) -> Iterator[MeasuredRow]:
    """Reported costs of agent runs and of model calls without one; an estimate for workflow runs with neither."""
    yield from count(REPORTED_COSTS, within=within)
    yield from count(COSTS_WITHOUT_AGENT, within=within)
    yield from within.estimates


def run_times_without_cost() -> TableMeasure:
    """RUNS_WITHOUT_REPORTED_COST with the microseconds from which the cost is estimated as numerator."""
    return replace(RUNS_WITHOUT_REPORTED_COST, numerator=RUN.microseconds(current()))


def estimated_costs(within: MeasuredRanges) -> Iterator[MeasuredRow]:
    """The workflow runs of which no agent run reports a cost, by workflow: their minutes at the configured rate."""
    for runs in count(run_times_without_cost(), within=within):
        cost = estimate_cost(runs.numerator, usd_per_minute=within.cost_usd_per_minute)
        yield replace(runs, numerator=cost)


# By KPI; a test holds the keys against the registry's.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "template-suggestion-rate": TableMeasure(
            # Index: event_count_unique (bucket_start, event, variant, environment).
            model=EventCount,
            moment="bucket_start",
            where="event IN ('workbench.template_suggested', 'workbench.chat_message_sent')",
            numerator="CASE event WHEN 'workbench.template_suggested' THEN events ELSE 0 END",
            denominator="CASE event WHEN 'workbench.chat_message_sent' THEN events ELSE 0 END",
        ),
        "time-to-create-workflow": TableMeasure(
            # Index: draft_accepted (accepted_at, environment).
            model=Draft,
            moment="accepted_at",
            dimensions={
                "source": or_unknown("CASE WHEN created_at IS NULL THEN paired_source ELSE source END")
            },
            duration=DRAFT,
            without_start="no_creation",
            ended_early="created_after_acceptance",
        ),
        "workbench-adoption": adoption,
        "template-usage-rate": TableMeasure(
            # Index: draft_accepted (accepted_at, environment).
            model=Draft,
            moment="accepted_at",
            numerator="""CASE WHEN has_template_source
    OR template_inserted_at <= accepted_at
    OR (created_at IS NULL AND paired_source = 'template')
  THEN 1 ELSE 0 END""",
        ),
        "workflow-success-rate": TableMeasure(
            # Index: workflow_run_completed (completed_at, environment).
            model=WorkflowRun,
            moment="completed_at",
            where="status IN ('completed', 'failed')",
            left_out="coalesce(nullif(status, ''), 'no_status')",
            dimensions={"workflow": WORKFLOW, "trigger": or_unknown("trigger")},
            numerator="CASE status WHEN 'completed' THEN 1 ELSE 0 END",
        ),
        "workflow-duration": TableMeasure(
            # Index: workflow_run_completed (completed_at, environment).
            model=WorkflowRun,
            moment="completed_at",
            dimensions={"workflow": WORKFLOW, "status": "status"},
            duration=RUN,
            without_start="no_start",
            ended_early="completed_before_start",
        ),
        "approval-wait": TableMeasure(
            # Index: approval_decided (decided_at, environment).
            model=ApprovalDecision,
            moment="decided_at",
            where="NOT is_repeat",
            left_out="'repeated'",
            dimensions={"approved": "CASE WHEN approved THEN 'true' ELSE 'false' END"},
            duration=APPROVAL,
            without_start="no_request",
            ended_early="decided_before_request",
        ),
        "approval-rate": TableMeasure(
            # Index: approval_decided (decided_at, environment).
            model=ApprovalDecision,
            moment="decided_at",
            where="NOT is_repeat",
            left_out="'repeated'",
            numerator="CASE WHEN approved THEN 1 ELSE 0 END",
        ),
        "agent-failure-rate": TableMeasure(
            # Index: agent_run_completed (completed_at, environment).
            model=AgentRun,
            moment="completed_at",
            where="status IN ('completed', 'failed')",
            left_out="coalesce(nullif(status, ''), 'no_status')",
            dimensions={"agent": or_unknown("agent_name")},
            numerator="CASE status WHEN 'failed' THEN 1 ELSE 0 END",
        ),
        "execution-cost": execution_costs,
    }
)


def tables_of(kpi: str) -> tuple[TableMeasure, ...]:
    """The tables whose rows the KPI counts. Entered counts are in none of them. Raises KeyError, as `measure` does."""
    kpi_measure = MEASURES[kpi]
    if isinstance(kpi_measure, TableMeasure):
        return (kpi_measure,)
    if kpi_measure is adoption:
        return (ACCEPTED_DRAFTS, CREATED_ELSEWHERE)
    return (REPORTED_COSTS, COSTS_WITHOUT_AGENT, run_times_without_cost())
