"""What agents did and used: the rows of UsageBucket, measured from the workbench's things.

A pure function of the things, as the measures of KPIs are. An agent run counts where its completion is, with its model
calls; a call that no agent run is known to have made counts at its own moment, for its run and no agent. What an agent
run itself reports may be the sum of its calls: its tokens and its cost count only where none of its calls reports any.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast

from kpis.compute.measures import WORKFLOW_OF_RUN, MeasuredRanges, bin_expression, named_run
from kpis.models import StoredGranularity, UsageBucket
from workbench.buckets import Bucket, bucket_start
from workbench.dialect import Dialect, current
from workbench.durations import RUN
from workbench.labels import or_unknown
from workbench.models import AgentRun, ModelCall

# A day's row keeps this many types of errors, the most frequent ones; the others are counted together. What clients
# call an error may be different each time.
ERROR_TYPES_KEPT = 20
OTHER_ERRORS = "…"
SUMS = (
    "agent_runs",
    "retries",
    "calls",
    "input_tokens",
    "output_tokens",
    "cost_micro_usd",
    "estimated_micro_usd",
)

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class UsagePlace(NamedTuple):
    """What a row is about, within its period."""

    workflow: str
    agent: str
    model: str


@dataclass
class UsageContent:
    """What a row counts, while it is added up; `sums` are by the names of SUMS."""

    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    histogram: dict[str, int] = field(default_factory=dict)
    error_types: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        sums: Mapping[str, int],
        *,
        histogram: Mapping[str, int] | None = None,
        error_types: Mapping[str, int] | None = None,
    ) -> None:
        _add(self.sums, sums)
        _add(self.histogram, histogram or {})
        _add(self.error_types, error_types or {})


Contents = defaultdict[tuple[Bucket, UsagePlace], UsageContent]


def measure_usage(within: MeasuredRanges) -> list[UsageBucket]:
    """The base rows of the ranges as the things now say; unsaved."""
    contents: Contents = defaultdict(UsageContent)
    _add_agent_runs(contents, within=within)
    _add_calls(contents, OWNED_CALLS, within=within)
    _add_calls(contents, CALLS_WITHOUT_AGENT, within=within)
    _add_estimates(contents, within=within)
    return [
        _row(place, content, environment=within.environment, start=bucket_start(bucket))
        for (bucket, place), content in contents.items()
    ]


def _add_agent_runs(contents: Contents, *, within: MeasuredRanges) -> None:
    for bucket, *place, error_type, bin_index, runs, retries, inputs, outputs, cost in _select(
        AGENT_RUNS, within=within
    ):
        sums = {"agent_runs": runs, "retries": retries}
        used = {"input_tokens": inputs, "output_tokens": outputs, "cost_micro_usd": cost}
        contents[bucket, UsagePlace(*place)].add(
            sums | used,
            histogram={} if bin_index is None else {str(bin_index): runs},
            error_types={error_type: runs} if error_type else {},
        )


def _add_calls(contents: Contents, statement: str, *, within: MeasuredRanges) -> None:
    for bucket, *place, calls, inputs, outputs, cost in _select(statement, within=within):
        contents[bucket, UsagePlace(*place)].add(
            {"calls": calls, "input_tokens": inputs, "output_tokens": outputs, "cost_micro_usd": cost}
        )


def _add_estimates(contents: Contents, *, within: MeasuredRanges) -> None:
    for estimate in within.estimates:
        place = UsagePlace(dict(estimate.dimensions)["workflow"], agent="", model="")
        contents[estimate.bucket, place].add({"estimated_micro_usd": estimate.numerator})


def sum_days(*, environment: str, start: datetime, end: datetime) -> list[UsageBucket]:
    """The rows of the day [start, end): sums of its base rows; unsaved."""
    # Index: usage_bucket_unique (environment, granularity, period_start, …).
    base = UsageBucket.objects.filter(
        environment=environment,
        granularity=StoredGranularity.BASE,
        period_start__gte=start,
        period_start__lt=end,
    )
    # JSON as text, which msgspec decodes faster than JSONField does.
    texts = base.annotate(bins=Cast("histogram", TextField()), errors=Cast("error_types", TextField()))
    contents: defaultdict[UsagePlace, UsageContent] = defaultdict(UsageContent)
    for workflow, agent, model, bins, errors, *sums in texts.values_list(
        *UsagePlace._fields, "bins", "errors", *SUMS
    ):
        contents[UsagePlace(workflow, agent, model)].add(
            dict(zip(SUMS, sums, strict=True)),
            histogram=_decode_counts(bins),
            error_types=_decode_counts(errors),
        )
    for content in contents.values():
        content.error_types = most_frequent(content.error_types)
    return [
        _row(place, content, environment=environment, start=start, granularity=StoredGranularity.DAY)
        for place, content in contents.items()
    ]


def most_frequent(error_types: Mapping[str, int]) -> dict[str, int]:
    """The most frequent ones, and the number of all others under OTHER_ERRORS."""
    ordered = sorted(error_types.items(), key=lambda item: (item[0] == OTHER_ERRORS, -item[1], item[0]))
    kept, others = dict(ordered[:ERROR_TYPES_KEPT]), ordered[ERROR_TYPES_KEPT:]
    return kept | ({OTHER_ERRORS: sum(number for _, number in others)} if others else {})


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for key, number in more.items():
        counts[key] = counts.get(key, 0) + number


def _row(
    place: UsagePlace,
    content: UsageContent,
    *,
    environment: str,
    start: datetime,
    granularity: StoredGranularity = StoredGranularity.BASE,
) -> UsageBucket:
    return UsageBucket(
        environment=environment,
        granularity=granularity,
        period_start=start,
        **place._asdict(),
        **content.sums,
        # Sorted, so that equal contents are equal rows.
        histogram=dict(sorted(content.histogram.items(), key=lambda item: int(item[0]))),
        error_types=dict(sorted(content.error_types.items())),
    )


def _select(statement: str, *, within: MeasuredRanges) -> Iterator[tuple[Any, ...]]:
    """The rows of one of the statements below; its sums as whole numbers (PostgreSQL has decimals)."""
    sql = filled_in(statement, ranges=len(within.ranges), dialect=current())
    adapt = connection.ops.adapt_datetimefield_value
    environments = [within.environment] * sql.count("environment = %s")
    with connection.cursor() as cursor:
        cursor.execute(
            sql, [*environments, *(adapt(moment) for bounds in within.ranges for moment in bounds)]
        )
        rows = cursor.fetchall()
    return (tuple(value if isinstance(value, str | None) else int(value) for value in row) for row in rows)


def filled_in(statement: str, *, ranges: int, dialect: Dialect) -> str:
    """The statement for a database and a number of ranges; its parameters are environments, then their bounds."""
    ended, called = (
        " OR ".join([f"({moment} >= %s AND {moment} < %s)"] * ranges)
        for moment in ("agent.completed_at", "call.called_at")
    )
    owners = f"""
    SELECT agent.agent_run_id FROM {AgentRun._meta.db_table} AS agent
    WHERE agent.environment = %s AND agent.calls > 0 AND ({ended})"""
    return statement.format(
        ended=ended,
        called=called,
        owned=dialect.any_selected("call.owner_id", owners),
        ended_bucket=dialect.bucket("agent.completed_at"),
        called_bucket=dialect.bucket("call.called_at"),
        bin=bin_expression(RUN.microseconds(dialect), dialect=dialect),
    )


# Index: agent_run_completed (completed_at, environment).
AGENT_RUNS = f"""
SELECT
  {{ended_bucket}} AS bucket,
  {WORKFLOW_OF_RUN} AS workflow,
  {or_unknown("agent.agent_name")} AS agent_name,
  {or_unknown("agent.model")} AS model_name,
  CASE agent.status WHEN 'failed' THEN {or_unknown("agent.error_type")} ELSE '' END AS error,
  CASE WHEN {RUN.counts} THEN {{bin}} END AS bin,
  count(*),
  sum(CASE WHEN agent.attempt > 1 THEN 1 ELSE 0 END),
  sum(CASE WHEN agent.called_input_tokens IS NULL THEN coalesce(agent.input_tokens, 0) ELSE 0 END),
  sum(CASE WHEN agent.called_output_tokens IS NULL THEN coalesce(agent.output_tokens, 0) ELSE 0 END),
  sum(CASE WHEN agent.called_cost_micro_usd IS NULL THEN coalesce(agent.cost_micro_usd, 0) ELSE 0 END)
FROM {AgentRun._meta.db_table} AS agent{named_run("agent")}
WHERE agent.environment = %s AND ({{ended}})
GROUP BY 1, 2, 3, 4, 5, 6"""

# Indexes: the agent runs by agent_run_completed (completed_at, environment), their calls by model_call_owner (owner_id,
# environment), and from these back by agent_run_unique (agent_run_id, environment).
OWNED_CALLS = f"""
SELECT
  {{ended_bucket}} AS bucket,
  {WORKFLOW_OF_RUN} AS workflow,
  {or_unknown("agent.agent_name")} AS agent_name,
  {or_unknown("call.model")} AS model_name,
  count(*),
  sum(coalesce(call.input_tokens, 0)),
  sum(coalesce(call.output_tokens, 0)),
  sum(coalesce(call.cost_micro_usd, 0))
FROM {ModelCall._meta.db_table} AS call
JOIN {AgentRun._meta.db_table} AS agent
  ON agent.agent_run_id = call.owner_id AND agent.environment = call.environment{named_run("agent")}
WHERE call.environment = %s AND NOT (call.owner_id = '') AND {{owned}}
GROUP BY 1, 2, 3, 4"""

# Index: model_call_called (called_at, environment).
CALLS_WITHOUT_AGENT = f"""
SELECT
  {{called_bucket}} AS bucket,
  {WORKFLOW_OF_RUN} AS workflow,
  '' AS agent_name,
  {or_unknown("call.model")} AS model_name,
  count(*),
  sum(coalesce(call.input_tokens, 0)),
  sum(coalesce(call.output_tokens, 0)),
  sum(coalesce(call.cost_micro_usd, 0))
FROM {ModelCall._meta.db_table} AS call{named_run("call")}
WHERE call.environment = %s AND call.owner_id = '' AND ({{called}})
GROUP BY 1, 2, 3, 4"""
