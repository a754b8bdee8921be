"""How events become things, as data: for each thing its key, its columns and the rule by which a column merges.

Every rule is commutative and idempotent, so neither order nor repetition of events can change a thing. A rule
says twice the same: how the events of a batch combine (an aggregate), and how that combines with the stored row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db.models import Model

from workbench.dialect import SORTABLE_LENGTH, Dialect
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
SESSION_EVENTS = (
    *SESSION_ENDS,
    DRAFT_CREATED,
    DRAFT_ACCEPTED,
    RUN_STARTED,
    RUN_COMPLETED,
)
RUN_EVENTS = (RUN_STARTED, RUN_COMPLETED)
AGENT_EVENTS = (AGENT_STARTED, AGENT_COMPLETED)
APPROVAL_EVENTS = (APPROVAL_REQUESTED, APPROVAL_COMPLETED)
REQUEST_COMPLETED = "appserver.request_completed"
WORKER_CHANGED = "appserver.worker_state_changed"
MAINTENANCE_CHANGED = "appserver.maintenance_changed"

# What a merge reads; all other events are only counted.
STAGED_EVENTS = tuple(
    sorted(
        {
            *SESSION_EVENTS,
            *DRAFT_EVENTS,
            *RUN_EVENTS,
            *AGENT_EVENTS,
            *APPROVAL_EVENTS,
            REQUEST_COMPLETED,
            WORKER_CHANGED,
            MAINTENANCE_CHANGED,
        }
    )
)


@dataclass(frozen=True)
class Column:
    """One column of a thing: its aggregate over a batch, and its merge of two values (SQL in, SQL out)."""

    name: str
    aggregate: str
    merge: Callable[[str, str], str]


@dataclass(frozen=True)
class First:
    """What a thing's earliest event of a kind decides: the moment, and several columns at once.

    `payload` is SQL text over the event, and decides between events of one moment. `parts` take it apart again:
    (alias, SQL over `payload`). `columns` are (name, SQL over the parts); the first one is the payload's tie.
    """

    event: str
    at: str
    payload: str
    parts: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Thing:
    """A merge of events into a table whose key is (environment, key).

    `prior` columns keep what another column was before the merge. `observed` is the span (start, end) of the
    thing's duration; where `reports_duration`, its own duration_ms goes before that.
    """

    model: type[Model]
    key: str
    events: tuple[str, ...]
    columns: tuple[Column, ...]
    observed: tuple[str, str]
    reports_duration: bool = True
    counts_completion: bool = False
    first: First | None = None
    prior: tuple[tuple[str, str], ...] = ()


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
    """The things in the order in which the fold merges them."""
    rules = Rules(dialect)
    return session(rules), draft(rules), workflow_run(rules), agent_run(rules)


def session(rules: Rules) -> Thing:
    return Thing(
        model=Session,
        key="session_id",
        events=SESSION_EVENTS,
        columns=(
            rules.smallest_text("user_hash", "userId"),
            rules.earliest("started_at", SESSION_STARTED),
            rules.earliest("ended_at", SESSION_ENDED),
            rules.smallest_number("duration_ms", "durationMs", SESSION_ENDED),
            rules.earliest("draft_created_at", DRAFT_CREATED),
            rules.earliest("draft_accepted_at", DRAFT_ACCEPTED),
            rules.earliest("run_started_at", RUN_STARTED),
            rules.earliest("run_completed_at", RUN_COMPLETED),
        ),
        observed=("started_at", "ended_at"),
    )


def draft(rules: Rules) -> Thing:
    return Thing(
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
        first=First(
            event=DRAFT_ACCEPTED,
            at="accepted_at",
            payload="session_id",
            parts=(),
            columns=(("accepted_session_id", "coalesce(payload, '')"),),
        ),
        prior=(("prior_accepted_at", "accepted_at"), ("prior_accepted_session_id", "accepted_session_id")),
        observed=("created_at", "accepted_at"),
        reports_duration=False,
    )


def workflow_run(rules: Rules) -> Thing:
    return Thing(
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
        first=completion(rules.dialect, event=RUN_COMPLETED),
        prior=(("prior_completed_at", "completed_at"),),
        observed=("started_at", "completed_at"),
        counts_completion=True,
    )


def agent_run(rules: Rules) -> Thing:
    dialect = rules.dialect
    return Thing(
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
        first=completion(
            dialect,
            ("cost_micro_usd", dialect.micro("costUsd")),
            ("input_tokens", dialect.integer("inputTokens")),
            ("output_tokens", dialect.integer("outputTokens")),
            event=AGENT_COMPLETED,
        ),
        prior=(("prior_completed_at", "completed_at"), ("prior_run_id", "run_id")),
        observed=("started_at", "completed_at"),
        counts_completion=True,
    )


def completion(dialect: Dialect, *more: tuple[str, str], event: str) -> First:
    """How a run ended: what its earliest completion says."""
    return First(
        event=event,
        at="completed_at",
        payload=dialect.key_with_properties(),
        parts=(
            ("event_key", dialect.split_key("payload")),
            ("properties", dialect.split_properties("payload")),
        ),
        columns=(
            ("completed_key", "event_key"),
            ("status", dialect.text("status")),
            ("duration_ms", dialect.integer("durationMs")),
            ("error_type", f"coalesce({dialect.text('errorType')}, '')"),
            *more,
        ),
    )


# Columns that may not be NULL where a thing has not ended yet.
EMPTY = {"status": "''", "error_type": "''"}

# The number of this fold, a parameter of every merge statement.
FOLD = "CAST(%(fold)s AS bigint)"


def merge_statement(thing: Thing, dialect: Dialect) -> str:
    """INSERT … SELECT … ON CONFLICT that merges the batch's events of a thing into its table, each row once.

    It takes the parameter `fold`, the number of this fold: rows that it counts for the first time carry it.
    """
    table = thing.model._meta.db_table
    new, merged = _values(thing), _merged(thing, table, dialect)
    observed = _observed(thing, new)
    new["observed_in"] = f"CASE WHEN {observed} THEN {FOLD} ELSE 0 END"
    merged["observed_in"] = (
        f"CASE WHEN {table}.observed_in > 0 THEN {table}.observed_in"
        f" WHEN {_observed(thing, merged)} THEN {FOLD} ELSE 0 END"
    )
    if thing.counts_completion and thing.first:
        new["counted_in"] = f"CASE WHEN {thing.first.at} IS NULL THEN 0 ELSE {FOLD} END"
        merged["counted_in"] = (
            f"CASE WHEN {table}.counted_in > 0 THEN {table}.counted_in ELSE excluded.counted_in END"
        )
    updates = {**merged, **{name: f"{table}.{column}" for name, column in thing.prior}}
    assignments = ",\n  ".join(f"{name} = {value}" for name, value in updates.items())
    return f"""
INSERT INTO {table} (environment, {thing.key}, {", ".join(new)})
SELECT environment, {thing.key}, {", ".join(new.values())}
FROM ({_batch_rows(thing, dialect)}) AS batch WHERE true
ON CONFLICT (environment, {thing.key}) DO UPDATE SET
  {assignments}"""


def _batch_rows(thing: Thing, dialect: Dialect) -> str:
    """A row for each thing of the batch: its key, its columns, and what its earliest event says."""
    aggregates = [f"{column.aggregate} AS {column.name}" for column in thing.columns]
    if thing.first:
        is_first = f"event = '{thing.first.event}'"
        text = f"CASE WHEN {is_first} THEN {dialect.sortable('occurred_at')} || {thing.first.payload} END"
        aggregates += [
            f"min(occurred_at) FILTER (WHERE {is_first}) AS {thing.first.at}",
            f"min({dialect.binary(text)}) AS earliest",
        ]
    rows = (
        f"SELECT environment, {thing.key}, {', '.join(aggregates)} FROM fold_batch"
        f" WHERE event IN ({quoted(thing.events)}) AND {thing.key} IS NOT NULL GROUP BY 1, 2"
    )
    if not thing.first:
        return rows
    rows = f"SELECT *, substr(earliest, {SORTABLE_LENGTH + 1}) AS payload FROM ({rows}) AS merged {dialect.fence}"
    parts = ", ".join(f"{sql} AS {alias}" for alias, sql in thing.first.parts)
    return f"SELECT *, {parts} FROM ({rows}) AS cut {dialect.fence}" if parts else rows


def _values(thing: Thing) -> dict[str, str]:
    """Column to its SQL over a row of the batch."""
    values = {column.name: column.name for column in thing.columns}
    if thing.first:
        values[thing.first.at] = thing.first.at
        for name, sql in thing.first.columns:
            values[name] = f"coalesce({sql}, {EMPTY[name]})" if name in EMPTY else sql
    return values


def _merged(thing: Thing, table: str, dialect: Dialect) -> dict[str, str]:
    """Column to its SQL over the stored row and the batch's."""
    merged = {
        column.name: column.merge(f"{table}.{column.name}", f"excluded.{column.name}")
        for column in thing.columns
    }
    if thing.first:
        at, tie = thing.first.at, thing.first.columns[0][0]
        stored = f"({table}.{at}, {_bytewise(f'{table}.{tie}', tie, dialect)})"
        is_earlier = (
            f"excluded.{at} IS NOT NULL AND ({table}.{at} IS NULL"
            f" OR (excluded.{at}, {_bytewise(f'excluded.{tie}', tie, dialect)}) < {stored})"
        )
        for name in (at, *(name for name, _ in thing.first.columns)):
            merged[name] = f"CASE WHEN {is_earlier} THEN excluded.{name} ELSE {table}.{name} END"
    return merged


def _bytewise(expression: str, tie: str, dialect: Dialect) -> str:
    return expression if tie == "completed_key" else dialect.binary(expression)


def _observed(thing: Thing, values: Mapping[str, str]) -> str:
    """Whether the thing's duration is known, and not negative."""
    start, end = (f"({values[name]})" for name in thing.observed)
    if thing.reports_duration:
        return f"coalesce(({values['duration_ms']}) >= 0, {start} <= {end}, false)"
    return f"coalesce({start} <= {end}, false)"
