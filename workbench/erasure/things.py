"""What becomes of the things that a subject's events were merged into.

With ErasureMode.REMOVE a thing goes. If others had a part in it, it is made again from their events. Where those
are gone too, it stays, and only the subject's ids in it are replaced. With ErasureMode.KEEP every thing stays with
random ids in place of the subject's, the same everywhere, so that pairs and links stay what they were.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model, Q

from telemetry.lifecycle.erasure import add_things
from telemetry.models import Environment, Erasure, ErasureMode, ErasureThing, SubjectKind
from workbench.buckets import bucket_of, mark_touched
from workbench.erasure.events import APPROVALS, SINGLE_ROWS, forget_links, remove_single_rows
from workbench.erasure.receipts import add_number, add_to
from workbench.erasure.selection import (
    APPROVAL,
    CALLED_IN,
    CALLER,
    GONE,
    PAIR,
    PART,
    WHOLE,
    shared_ids,
    with_kept_facts,
)
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ChangeCause,
    Draft,
    EarlyStep,
    LinkKind,
    ModelCall,
    RetryRequest,
    Session,
    SessionLink,
    WorkflowRun,
)


@dataclass(frozen=True)
class ThingTable:
    """A table of merged things: its id, the columns that hold ids of other kinds, and its moments."""

    model: type[Model]
    id_column: str
    ids: Mapping[str, str]
    moments: Sequence[str]
    # Columns that a new id leaves without a meaning, and what they become.
    blanked: Mapping[str, Any]


# A span's place names the events that were of it.
NO_SPAN = {"trace_id": "", "span_id": "", "parent_span_id": ""}

TABLES: Mapping[str, ThingTable] = {
    LinkKind.DRAFT.value: ThingTable(
        Draft,
        "draft_id",
        ids={
            "draft_id": LinkKind.DRAFT,
            "accepted_session_id": WHOLE,
            "prior_accepted_session_id": WHOLE,
        },
        moments=("created_at", "accepted_at", "rejected_at", "edited_at", "template_inserted_at"),
        blanked={},
    ),
    LinkKind.RUN.value: ThingTable(
        WorkflowRun,
        "run_id",
        ids={"run_id": LinkKind.RUN, "session_id": WHOLE, "draft_id": LinkKind.DRAFT},
        moments=("started_at", "completed_at", "first_seen_at", "last_seen_at"),
        blanked={"trace_id": "", "completed_key": None},
    ),
    LinkKind.AGENT_RUN.value: ThingTable(
        AgentRun,
        "agent_run_id",
        ids={
            "agent_run_id": LinkKind.AGENT_RUN,
            "run_id": LinkKind.RUN,
            "prior_run_id": LinkKind.RUN,
            "session_id": WHOLE,
        },
        moments=("started_at", "completed_at"),
        blanked={**NO_SPAN, "completed_key": None},
    ),
    PART: ThingTable(
        Session,
        "session_id",
        ids={},
        moments=(
            "started_at",
            "ended_at",
            "draft_created_at",
            "draft_accepted_at",
            "run_started_at",
            "run_completed_at",
            "template_used_at",
        ),
        blanked={},
    ),
}
# In this order: the links of the sessions decide about all others, so they go last.
ORDER = (*TABLES, LinkKind.APPROVER.value, WHOLE)
# Whose model calls are to be looked at when such things are gone.
LOOKED_AT = {LinkKind.RUN.value: CALLED_IN, LinkKind.AGENT_RUN.value: CALLER}


NAME_THING = f"UPDATE {ErasureThing._meta.db_table} SET replacement = %s WHERE id = %s"


# Names ------------------------------------------------------------------------------------------------------


def give_names(erasure: Erasure, kind: str, things: Sequence[ErasureThing]) -> None:
    """Choose the random ids that replace the subject's own, before any is replaced."""
    ids = [thing.thing_id for thing in things]
    if kind == WHOLE:
        _note_own_approvals(erasure, ids)
        chosen = set(ids)
    elif kind in TABLES and kind != PART:
        # Where the facts go, only the subject itself may stay behind in what others share.
        own = set(ids) - shared_ids(erasure, kind, ids)
        chosen = own if erasure.mode == ErasureMode.KEEP else own & {erasure.working_id}
    else:
        return
    named = [thing for thing in things if thing.thing_id in chosen and not thing.replacement]
    with connection.cursor() as cursor:
        # One short statement, prepared once: as a CASE of a thousand branches it takes twenty times as long.
        cursor.executemany(NAME_THING, [(random_name(), thing.pk) for thing in named])


def random_name() -> str:
    return f"{GONE}{uuid.uuid4().hex}"


def _note_own_approvals(erasure: Erasure, sessions: Sequence[str]) -> None:
    """Name the approvals of which all requests and decisions are in sessions that go whole."""
    in_environment = {"environment": erasure.environment_id}
    approvals: set[str] = set()
    for model in APPROVALS:
        rows = model._default_manager.filter(**in_environment, session_id__in=sessions).exclude(
            approval_id=""
        )
        approvals.update(rows.values_list("approval_id", flat=True))
    whole = erasure.things.filter(kind=WHOLE).values("thing_id")
    for model in APPROVALS:
        rows = model._default_manager.filter(**in_environment, approval_id__in=approvals)
        approvals -= set(rows.exclude(session_id__in=whole).values_list("approval_id", flat=True))
    ErasureThing.objects.bulk_create(
        [
            ErasureThing(erasure=erasure, kind=APPROVAL, thing_id=approval, replacement=random_name())
            for approval in sorted(approvals)
        ],
        ignore_conflicts=True,
    )


class Names:
    """The random ids of an erasure, by kind and id; an id that has none stays."""

    def __init__(self, erasure: Erasure, wanted: Iterable[tuple[str, str]]) -> None:
        wanted = set(wanted)
        rows = erasure.things.filter(thing_id__in={thing_id for _, thing_id in wanted}).exclude(
            replacement=""
        )
        self._names = {
            (kind, thing_id): name
            for kind, thing_id, name in rows.values_list("kind", "thing_id", "replacement")
        }

    def of(self, kind: str, thing_id: str) -> str:
        return self._names.get((str(kind), thing_id), thing_id)


# Things -----------------------------------------------------------------------------------------------------


def treat(erasure: Erasure, kind: str, ids: Sequence[str]) -> None:
    """Remove, or give new ids to, the things of a kind, in the caller's transaction. Safe to repeat."""
    if kind == LinkKind.APPROVER:
        _treat_decisions(erasure, sessions=ids)
    elif kind == WHOLE:
        _treat_sessions(erasure, ids)
    else:
        _treat_merged(erasure, kind, ids)
    erasure.save(update_fields=["receipt"])


def rows_of(erasure: Erasure, kind: str, ids: Collection[str]) -> list[Any]:
    """The stored things of a kind with these ids."""
    table = TABLES[kind]
    condition = {"environment": erasure.environment_id, f"{table.id_column}__in": ids}
    return list(table.model._default_manager.filter(**condition))


def _treat_merged(erasure: Erasure, kind: str, ids: Sequence[str]) -> None:
    table = TABLES[kind]
    rows = rows_of(erasure, kind, ids)
    removable: set[str] = set()
    if erasure.mode == ErasureMode.REMOVE:
        mark_buckets(erasure, kind, rows)
        removable = _removable(erasure, kind, ids, rows=rows)
        if kind == LinkKind.DRAFT:
            add_things(erasure, kind=PAIR, ids={row.accepted_session_id for row in rows})
        elif kind in LOOKED_AT:
            add_things(erasure, kind=LOOKED_AT[kind], ids=ids)
    kept = [row for row in rows if getattr(row, table.id_column) not in removable]
    removed = [row.pk for row in rows if row not in kept]
    table.model._default_manager.filter(pk__in=removed).delete()
    add_to(erasure.receipt, "rows", {table.model._meta.verbose_name: len(removed)})
    name = "anonymised" if erasure.mode == ErasureMode.KEEP else "kept_with_others"
    add_to(erasure.receipt, name, {table.model._meta.verbose_name: len(kept)})
    if kind == LinkKind.RUN:
        _forget_retries(erasure, ids, removed=removable)
    if kind == PART:
        _forget_user(erasure, kept)
        _forget_early_steps(erasure, removable)
        SessionLink.objects.filter(environment=erasure.environment_id, session_id__in=removable).delete()
    else:
        _rename(erasure, table, kept)
        _rename_links(erasure, kind, ids)


def _forget_retries(erasure: Erasure, ids: Sequence[str], *, removed: Collection[str]) -> None:
    """The requests to run runs again that go or get another id: no number is computed from them."""
    names = Names(erasure, ((LinkKind.RUN, run_id) for run_id in ids))
    gone = [run_id for run_id in ids if run_id in removed or names.of(LinkKind.RUN, run_id) != run_id]
    requests = RetryRequest.objects.filter(environment=erasure.environment_id)
    # Index: retry_request_new_run (new_run_id, environment).
    requests.filter(new_run_id__in=gone).exclude(new_run_id="").update(new_run_id="")
    # Index: retry_request_run (run_id, environment).
    deleted = requests.filter(run_id__in=gone).delete()[0]
    add_to(erasure.receipt, "rows", {RetryRequest._meta.verbose_name: deleted})


def _removable(erasure: Erasure, kind: str, ids: Sequence[str], *, rows: Sequence[Any]) -> set[str]:
    """The ids of the things that are the subject's alone, or that can be made again from others' events."""
    table = TABLES[kind]
    shared = set(ids) if kind == PART else shared_ids(erasure, kind, ids)
    kept_from = Environment.objects.values_list("raw_kept_from", flat=True).get(name=erasure.environment_id)
    fixed = with_kept_facts(erasure, kind, shared) | {
        getattr(row, table.id_column)
        for row in rows
        if _has_pruned_events(row, table, kept_from=kept_from) or _names_kept_fact(row, table)
    }
    if kept_from is not None:
        # Nothing says when these were.
        fixed |= shared - {getattr(row, table.id_column) for row in rows}
    add_number(erasure.receipt, "made_again", len(shared - fixed))
    return set(ids) - (shared & fixed)


def _has_pruned_events(row: Any, table: ThingTable, *, kept_from: datetime | None) -> bool:
    moments = (getattr(row, name) for name in table.moments)
    return kept_from is not None and any(moment is not None and moment < kept_from for moment in moments)


def _names_kept_fact(row: Any, table: ThingTable) -> bool:
    return any(getattr(row, column).startswith(GONE) for column in table.ids)


def _rename(erasure: Erasure, table: ThingTable, rows: Sequence[Any]) -> None:
    names = Names(
        erasure, ((kind, getattr(row, column)) for row in rows for column, kind in table.ids.items())
    )
    for row in rows:
        before = getattr(row, table.id_column)
        for column, kind in table.ids.items():
            setattr(row, column, names.of(kind, getattr(row, column)))
        if getattr(row, table.id_column) != before:
            for column, value in table.blanked.items():
                setattr(row, column, value)
    if rows:
        table.model._default_manager.bulk_update(rows, [*table.ids, *table.blanked], batch_size=50)


def _rename_links(erasure: Erasure, kind: str, ids: Sequence[str]) -> None:
    """The links of things that got a name, and what else names a run that is the subject."""
    for old, new in (
        erasure.things.filter(kind=kind, thing_id__in=ids)
        .exclude(replacement="")
        .values_list("thing_id", "replacement")
    ):
        links = SessionLink.objects.filter(environment=erasure.environment_id, kind=kind, thing_id=old)
        if erasure.kind == SubjectKind.RUN and kind == LinkKind.RUN:
            # Index: approval_request_session and approval_decision_session (session_id, environment).
            sessions = list(links.values_list("session_id", flat=True))
            for model in APPROVALS:
                model._default_manager.filter(
                    environment=erasure.environment_id, session_id__in=sessions, run_id=old
                ).update(run_id=new)
        _rename_in_calls(erasure, kind, old=old, new=new)
        if erasure.mode == ErasureMode.KEEP:
            links.update(thing_id=new)
        else:
            links.delete()


def _rename_in_calls(erasure: Erasure, kind: str, *, old: str, new: str) -> None:
    """What names a run or an agent run that got a name: model calls, and runs that repeat it."""
    calls = ModelCall.objects.filter(environment=erasure.environment_id)
    if kind == LinkKind.RUN:
        # Index: model_call_run (run_id, environment).
        calls.filter(run_id=old).update(run_id=new, **NO_SPAN)
        # Index: workflow_run_retry (retry_of_run_id, environment).
        repeats = WorkflowRun.objects.filter(environment=erasure.environment_id, retry_of_run_id=old)
        repeats.update(retry_of_run_id=new)
    elif kind == LinkKind.AGENT_RUN:
        # Indexes: model_call_owner (owner_id, environment) and model_call_agent (agent_run_id, environment).
        calls.filter(owner_id=old).update(owner_id=new)
        calls.filter(agent_run_id=old).update(agent_run_id=new)


def _forget_user(erasure: Erasure, sessions: Sequence[Session]) -> None:
    """Sessions that others share: the smallest of the other users stays."""
    links = SessionLink.objects.filter(
        environment=erasure.environment_id,
        kind=LinkKind.USER,
        session_id__in=[session.session_id for session in sessions],
    )
    users: dict[str, str] = {}
    for session_id, user in links.exclude(thing_id=erasure.working_id).values_list("session_id", "thing_id"):
        if not user.startswith(GONE):
            users[session_id] = min(user, users.get(session_id, user))
    mine = [session for session in sessions if session.user_hash == erasure.working_id]
    for session in mine:
        session.user_hash = users.get(session.session_id, "")
    Session.objects.bulk_update(mine, ["user_hash"], batch_size=100)


def _forget_early_steps(erasure: Erasure, ids: Collection[str]) -> None:
    """What is left of these sessions is made again with them."""
    # Index: early_step_unique (session_id, step, happened_at, environment).
    EarlyStep.objects.filter(environment=erasure.environment_id, session_id__in=ids).delete()


def _treat_decisions(erasure: Erasure, *, sessions: Sequence[str]) -> None:
    """The subject's decisions in sessions of others."""
    decisions = ApprovalDecision.objects.filter(
        environment=erasure.environment_id, session_id__in=sessions, approver_hash=erasure.working_id
    )
    if erasure.mode == ErasureMode.REMOVE:
        remove_single_rows(erasure, Q(event_key__in=list(decisions.values_list("event_key", flat=True))))
    else:
        add_to(erasure.receipt, "anonymised", {"approval decision": decisions.update(approver_hash="")})


def _treat_sessions(erasure: Erasure, ids: Sequence[str]) -> None:
    in_environment = {"environment": erasure.environment_id}
    sessions = Session.objects.filter(**in_environment, session_id__in=ids)
    if erasure.mode == ErasureMode.REMOVE:
        remove_single_rows(erasure, Q(session_id__in=ids))
        mark_buckets(erasure, PART, list(sessions))
        _forget_early_steps(erasure, ids)
        add_to(erasure.receipt, "rows", {"session": sessions.delete()[0]})
        SessionLink.objects.filter(**in_environment, session_id__in=ids).delete()
        return
    names = Names(erasure, ((WHOLE, session_id) for session_id in ids))
    renamed = list(sessions)
    for session in renamed:
        session.session_id, session.user_hash = names.of(WHOLE, session.session_id), ""
    Session.objects.bulk_update(renamed, ["session_id", "user_hash"], batch_size=100)
    add_to(erasure.receipt, "anonymised", {"session": len(renamed)})
    steps = list(EarlyStep.objects.filter(**in_environment, session_id__in=ids))
    for step in steps:
        step.session_id = names.of(WHOLE, step.session_id)
    EarlyStep.objects.bulk_update(steps, ["session_id"], batch_size=200)
    for model in SINGLE_ROWS:
        _rename_single_rows(erasure, model, ids)
    links = list(SessionLink.objects.filter(**in_environment, session_id__in=ids))
    for link in links:
        link.session_id = names.of(WHOLE, link.session_id)
    SessionLink.objects.bulk_update(links, ["session_id"], batch_size=200)


def _rename_single_rows(erasure: Erasure, model: type[Model], sessions: Sequence[str]) -> None:
    """Rows that are one event each get another key too: whoever knows the event could compute the old one."""
    kinds = {
        "session_id": WHOLE,
        "run_id": LinkKind.RUN,
        "agent_run_id": LinkKind.AGENT_RUN,
        "owner_id": LinkKind.AGENT_RUN,
        "approval_id": APPROVAL,
    }
    columns = {
        column: kind
        for column, kind in kinds.items()
        if column in {field.name for field in model._meta.fields}
    }
    stored = model._default_manager.filter(environment=erasure.environment_id, session_id__in=sessions)
    rows: list[Any] = list(stored)
    names = Names(erasure, ((kind, getattr(row, column)) for row in rows for column, kind in columns.items()))
    stored.delete()
    if model is ModelCall:
        forget_links(erasure, {row.trace_id for row in rows})
    for row in rows:
        row.event_key = uuid.uuid4()
        for column, value in NO_SPAN.items() if model is ModelCall else ():
            setattr(row, column, value)
        for column, kind in columns.items():
            setattr(row, column, names.of(kind, getattr(row, column)))
        if isinstance(row, ApprovalDecision):
            row.approver_hash = ""
    model._default_manager.bulk_create(rows, batch_size=500)
    add_to(erasure.receipt, "anonymised", {model._meta.verbose_name: len(rows)})


def forget_subject(erasure: Erasure) -> None:
    """The links of the subject itself, when all else is done."""
    links = SessionLink.objects.filter(
        environment=erasure.environment_id, kind__in=_link_kinds(erasure.kind), thing_id=erasure.working_id
    )
    if erasure.mode == ErasureMode.REMOVE:
        links.delete()
    else:
        links.update(thing_id=random_name())


def _link_kinds(kind: str) -> tuple[str, ...]:
    return (LinkKind.USER, LinkKind.APPROVER) if kind == SubjectKind.USER else (kind,)


# Buckets ----------------------------------------------------------------------------------------------------


def mark_buckets(erasure: Erasure, kind: str, rows: Sequence[Any]) -> None:
    """Mark the buckets that the things count in, and those in which others count differently because of them."""
    in_environment = {"environment": erasure.environment_id}
    moments: set[datetime | None] = set()
    if kind == LinkKind.DRAFT:
        moments = {row.accepted_at for row in rows}
    elif kind == LinkKind.RUN:
        # An agent's cost counts under the name of its run.
        agents = AgentRun.objects.filter(**in_environment, run_id__in=[row.run_id for row in rows])
        moments = {row.completed_at for row in rows} | set(agents.values_list("completed_at", flat=True))
        # So does that of a call without an agent.
        calls = ModelCall.objects.filter(
            **in_environment,
            run_id__in=[row.run_id for row in rows],
            owner_id="",
            cost_micro_usd__isnull=False,
        )
        moments |= set(calls.values_list("called_at", flat=True))
    elif kind == LinkKind.AGENT_RUN:
        # A run's cost is estimated if no agent reports one.
        run_ids = {row.run_id for row in rows} - {""}
        runs = WorkflowRun.objects.filter(**in_environment, run_id__in=run_ids)
        moments = {row.completed_at for row in rows} | set(runs.values_list("completed_at", flat=True))
    elif kind == PART:
        moments = {row.started_at for row in rows}
    mark_touched(
        environment=erasure.environment_id,
        buckets={bucket_of(moment) for moment in moments if moment is not None},
        cause=ChangeCause.ERASURE,
    )
