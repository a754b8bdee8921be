"""How events become things, as data: for each thing its key, its columns and the rule by which a column merges.

Every rule is commutative and idempotent, so neither order nor repetition of events can change a thing. A rule
says twice the same: how the events of a batch combine (an aggregate), and how that combines with the stored row.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Model

from workbench.dialect import Dialect
from workbench.models import AgentRun, Draft, Session, WorkflowRun

DRAFT_CREATED = "workbench.draft_created"
DRAFT_ACCEPTED = "workbench.draft_accepted"
RUN_STARTED = "workbench.workflow_run_started"
RUN_COMPLETED = "workbench.workflow_run_completed"
AGENT_STARTED = "agent.run_started"
AGENT_COMPLETED = "agent.run_completed"
SESSION_STARTED = "workbench.session_started"
SESSION_ENDED = "workbench.session_ended"
APPROVAL_REQUESTED = "workbench.approval_requested"
APPROVAL_COMPLETED = "workbench.approval_completed"

# The events that speak of a thing and can change it.
SESSION_ENDS = (SESSION_STARTED, SESSION_ENDED)
DRAFT_EVENTS = (
    DRAFT_CREATED,
    DRAFT_ACCEPTED,
    "workbench.draft_rejected",
    "workbench.draft_edited",
    "workbench.template_inserted",
)
RUN_EVENTS = (RUN_STARTED, RUN_COMPLETED)
AGENT_EVENTS = (AGENT_STARTED, AGENT_COMPLETED)


@dataclass(frozen=True)
class Column:
    """One column of a thing: its aggregate over a batch, and its merge of two values (SQL in, SQL out)."""

    name: str
    aggregate: str
    merge: Callable[[str, str], str]


@dataclass(frozen=True)
class Thing:
    """A merge of events into a table whose key is (environment, key)."""

    model: type[Model]
    key: str
    events: tuple[str, ...]
    columns: tuple[Column, ...]


def quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


@dataclass(frozen=True)
class Rules:
    """The merge rules in one database's words."""

    dialect: Dialect

    def earliest(self, name: str, *events: str) -> Column:
        """The smallest timestamp of the named events, of all when none is named."""
        return Column(name, f"min(occurred_at) {self._only(events)}", self.dialect.least)

    def latest(self, name: str, *events: str) -> Column:
        """The largest timestamp of the named events, of all when none is named."""
        return Column(name, f"max(occurred_at) {self._only(events)}", self.dialect.greatest)

    def smallest_number(self, name: str, property_name: str, *events: str) -> Column:
        value = self.dialect.integer(property_name)
        return Column(name, f"min({value}) {self._only(events)}", self.dialect.least)

    def largest_number(self, name: str, property_name: str, *events: str) -> Column:
        value = self.dialect.integer(property_name)
        return Column(name, f"max({value}) {self._only(events)}", self.dialect.greatest)

    def smallest_text(self, name: str, property_name: str, *events: str) -> Column:
        """The smallest text that is not empty, byte by byte; the empty text when none is known."""
        return self._smallest(name, self.dialect.text(property_name), events)

    def smallest_session(self, name: str, *events: str) -> Column:
        return self._smallest(name, "session_id", events)

    def any_equal(self, name: str, property_name: str, value: str, *events: str) -> Column:
        """True once one of the named events has the value."""
        is_equal = f"event IN ({quoted(events)}) AND {self.dialect.text(property_name)} = '{value}'"
        return Column(
            name,
            f"coalesce(max(CASE WHEN {is_equal} THEN 1 ELSE 0 END), 0) = 1",
            lambda stored, new: f"({stored} OR {new})",
        )

    def _smallest(self, name: str, expression: str, events: tuple[str, ...]) -> Column:
        known = self.dialect.binary(f"nullif({expression}, '')")
        return Column(
            name,
            f"coalesce(min({known}) {self._only(events)}, '')",
            lambda stored, new: (
                f"CASE WHEN {stored} = '' THEN {new} WHEN {new} = '' THEN {stored}"
                f" ELSE {self.dialect.least(self.dialect.binary(stored), self.dialect.binary(new))} END"
            ),
        )

    def _only(self, events: tuple[str, ...]) -> str:
        return f"FILTER (WHERE event IN ({quoted(events)}))" if events else ""


def things(dialect: Dialect) -> tuple[Thing, ...]:
    """What merges by aggregates alone, in the order in which the fold merges it."""
    rules = Rules(dialect)
    return (
        Thing(
            model=Session,
            key="session_id",
            events=(),
            columns=(
                rules.earliest("first_event_at"),
                rules.latest("last_event_at"),
                rules.smallest_text("user_hash", "userId"),
                rules.earliest("started_at", SESSION_STARTED),
                rules.earliest("ended_at", SESSION_ENDED),
                rules.smallest_number("duration_ms", "durationMs", SESSION_ENDED),
                rules.earliest("draft_created_at", DRAFT_CREATED),
                rules.earliest("draft_accepted_at", DRAFT_ACCEPTED),
                rules.earliest("run_started_at", RUN_STARTED),
                rules.earliest("run_completed_at", RUN_COMPLETED),
            ),
        ),
        Thing(
            model=Draft,
            key="draft_id",
            events=DRAFT_EVENTS,
            columns=(
                rules.earliest("created_at", DRAFT_CREATED),
                rules.earliest("rejected_at", "workbench.draft_rejected"),
                rules.latest("edited_at", "workbench.draft_edited"),
                rules.earliest("template_inserted_at", "workbench.template_inserted"),
                rules.any_equal("has_template_source", "source", "template", DRAFT_CREATED, DRAFT_ACCEPTED),
                rules.smallest_text("source", "source", DRAFT_CREATED),
            ),
        ),
        Thing(
            model=WorkflowRun,
            key="run_id",
            events=RUN_EVENTS,
            columns=(
                rules.earliest("started_at", RUN_STARTED),
                rules.smallest_session("session_id"),
                rules.smallest_text("draft_id", "draftId"),
                rules.smallest_text("workflow_id", "workflowId"),
                rules.smallest_text("workflow_name", "workflowName"),
                rules.smallest_text("trigger", "trigger"),
                rules.smallest_text("trace_id", "traceId"),
            ),
        ),
        Thing(
            model=AgentRun,
            key="agent_run_id",
            events=AGENT_EVENTS,
            columns=(
                rules.earliest("started_at", AGENT_STARTED),
                rules.smallest_session("session_id"),
                rules.smallest_text("run_id", "runId"),
                rules.smallest_text("agent_name", "agentName"),
                rules.smallest_text("agent_id", "agentId"),
                rules.smallest_text("action", "action"),
                rules.smallest_text("model", "model"),
                rules.largest_number("attempt", "attempt"),
                rules.smallest_text("trace_id", "traceId"),
                rules.smallest_text("span_id", "spanId"),
            ),
        ),
    )


def merge_statement(thing: Thing) -> str:
    """INSERT … SELECT … ON CONFLICT that merges the batch's events of a thing into its table."""
    table = thing.model._meta.db_table
    # Sessions are the workbench's own; servers report under ids of their instances.
    chosen = f"event IN ({quoted(thing.events)})" if thing.events else "substr(event, 1, 10) = 'workbench.'"
    names = ", ".join(column.name for column in thing.columns)
    aggregates = ",\n  ".join(column.aggregate for column in thing.columns)
    updates = ",\n  ".join(
        f"{column.name} = {column.merge(f'{table}.{column.name}', f'excluded.{column.name}')}"
        for column in thing.columns
    )
    return f"""
INSERT INTO {table} (environment, {thing.key}, {names})
SELECT environment, {thing.key},
  {aggregates}
FROM fold_batch WHERE {chosen} AND {thing.key} IS NOT NULL
GROUP BY 1, 2
ON CONFLICT (environment, {thing.key}) DO UPDATE SET
  {updates}"""


@dataclass(frozen=True)
class First:
    """A merge in which the earliest event decides several columns at once; `tie` decides within a moment."""

    model: type[Model]
    key: str
    event: str
    at: str
    tie: str
    tie_value: str
    columns: tuple[tuple[str, str], ...]


def firsts(dialect: Dialect) -> tuple[First, ...]:
    """What the earliest event of a thing decides: an acceptance its session, a completion how it ended."""
    completion = (
        ("status", dialect.text("status")),
        ("duration_ms", dialect.integer("durationMs")),
        ("error_type", f"coalesce({dialect.text('errorType')}, '')"),
    )
    return (
        First(
            model=Draft,
            key="draft_id",
            event=DRAFT_ACCEPTED,
            at="accepted_at",
            tie="accepted_session_id",
            tie_value=dialect.binary("session_id"),
            columns=(),
        ),
        First(
            model=WorkflowRun,
            key="run_id",
            event=RUN_COMPLETED,
            at="completed_at",
            tie="completed_key",
            tie_value="event_key",
            columns=completion,
        ),
        First(
            model=AgentRun,
            key="agent_run_id",
            event=AGENT_COMPLETED,
            at="completed_at",
            tie="completed_key",
            tie_value="event_key",
            columns=(
                *completion,
                ("cost_micro_usd", dialect.micro("costUsd")),
                ("input_tokens", dialect.integer("inputTokens")),
                ("output_tokens", dialect.integer("outputTokens")),
            ),
        ),
    )


def first_statement(first: First, dialect: Dialect) -> str:
    """INSERT … ON CONFLICT that keeps, for each thing, what its earliest event said."""
    table = first.model._meta.db_table
    names = (first.at, first.tie, *(name for name, _ in first.columns))
    values = ("occurred_at", first.tie_value, *(value for _, value in first.columns))
    numbered = ", ".join(f"{value} AS v{position}" for position, value in enumerate(values))
    stored_tie = (
        f"{table}.{first.tie}" if first.tie == "completed_key" else dialect.binary(f"{table}.{first.tie}")
    )
    is_earlier = (
        f"{table}.{first.at} IS NULL"
        f" OR (excluded.{first.at}, excluded.{first.tie}) < ({table}.{first.at}, {stored_tie})"
    )
    return f"""
INSERT INTO {table} (environment, {first.key}, {", ".join(names)})
SELECT environment, thing, {", ".join(f"v{position}" for position in range(len(names)))} FROM (
  SELECT environment, {first.key} AS thing, {numbered},
    row_number() OVER (
      PARTITION BY environment, {first.key} ORDER BY occurred_at, {first.tie_value}
    ) AS position
  FROM fold_batch WHERE event = '{first.event}'
) AS ranked
WHERE position = 1
ON CONFLICT (environment, {first.key}) DO UPDATE SET
  {", ".join(f"{name} = excluded.{name}" for name in names)}
WHERE {is_earlier}"""
