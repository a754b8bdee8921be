"""Everything that the portal holds of a subject, as one JSON document, written piece by piece."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from auditlog.context import disable_auditlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import StreamingHttpResponse

from audit import trail
from audit.models import Verb
from telemetry.lifecycle.erasure import quarantine_step, read_events
from telemetry.lifecycle.raw_scan import next_slice
from telemetry.models import Erasure, ErasureState, QuarantinedEvent, RawEvent, SubjectKind
from web.moments import rfc3339
from workbench.erasure.events import SINGLE_ROWS, note_things
from workbench.erasure.selection import WHOLE, choose_things, noted_ids, subject_condition
from workbench.erasure.things import TABLES
from workbench.models import ApprovalDecision, DraftCreation, EarlyStep, LinkKind, Session, SessionLink

IDS_PER_QUERY = 500
# Bookkeeping of the fold, which says nothing of the subject.
LEFT_OUT = {
    "id",
    "counted_in",
    "observed_in",
    "is_observed",
    "completed_key",
    "counted_micro_usd",
    "is_counted",
    "is_only_called",
}


def export_of(erasure: Erasure, *, now: datetime) -> Iterator[str]:
    """The subject's data as pieces of one JSON object, in bounded memory: a table at a time, some rows at a time.

    {"environment", "kind", "exported_at", "raw_events": […], "sessions": […], "drafts": […], …}. Persons stand in it
    as their keyed hashes, as everywhere. Things that others share are in it too. The erasure stays as it is.
    """
    trail.note(Verb.EXPORTED, subject=erasure, environment=erasure.environment_id)
    return _pieces(copy_of(erasure, now=now), now=now)


def _pieces(scratch: Erasure, *, now: datetime) -> Iterator[str]:
    try:
        with transaction.atomic():
            choose_things(scratch)
        yield from _document(scratch, now=now)
    finally:
        with disable_auditlog():
            scratch.delete()


def copy_of(erasure: Erasure, *, now: datetime) -> Erasure:
    """An erasure that is never confirmed: its scratch holds what the export finds. Nobody asked for it."""
    with disable_auditlog():
        return Erasure.objects.create(
            environment_id=erasure.environment_id,
            kind=erasure.kind,
            digest=erasure.digest,
            working_id=erasure.working_id,
            state=ErasureState.PREVIEWED,
            requested_by="export",
            requested_at=now,
            not_before=now,
        )


def download(pieces: Iterator[str], *, name: str) -> StreamingHttpResponse:
    """The export as a file."""
    response = StreamingHttpResponse(pieces, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _document(erasure: Erasure, *, now: datetime) -> Iterator[str]:
    head = {"environment": erasure.environment_id, "kind": erasure.kind, "exported_at": rfc3339(now)}
    yield encode(head)[:-1]
    yield from _array("raw_events", (described(event) for event in _raw_events(erasure)))
    yield from _array("quarantined_events", (described(event) for event in _quarantined(erasure)))
    for name, rows in _tables(erasure):
        yield from _array(name, (described(row) for row in rows))
    yield "}\n"


def _array(name: str, items: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield f', "{name}": ['
    for number, item in enumerate(items):
        yield ("," if number else "") + "\n" + encode(item)
    yield "]"


def encode(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def described(row: Model) -> dict[str, Any]:
    """The row's columns, without the fold's bookkeeping."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: value for name, value in values.items() if name not in LEFT_OUT and "prior_" not in name}


def _raw_events(erasure: Erasure) -> Iterator[RawEvent]:
    position: dict[str, Any] = {}
    condition, parameters = subject_condition(erasure)
    while (part := next_slice(position)) is not None:
        events = read_events(
            part,
            environment=erasure.environment_id,
            condition=condition,
            parameters=parameters,
            with_pending=True,
        )
        note_things(erasure, events)
        yield from events
        position = part.next_position()


def _quarantined(erasure: Erasure) -> Iterator[QuarantinedEvent]:
    names = noted_ids(erasure, WHOLE) | {erasure.working_id}
    after = 0
    while after >= 0:
        after, found = quarantine_step(erasure, after=after, names=names)
        yield from QuarantinedEvent.objects.filter(pk__in=found).order_by("pk")


def _tables(erasure: Erasure) -> Iterator[tuple[str, Iterator[Model]]]:
    """Each table's name and the subject's rows in it."""
    in_environment = Q(environment=erasure.environment_id)
    yield "sessions", _by_ids(Session.objects.filter(in_environment), "session_id", noted_ids(erasure, WHOLE))
    early = EarlyStep.objects.filter(in_environment)
    yield "early_steps", _by_ids(early, "session_id", noted_ids(erasure, WHOLE))
    for kind, table in TABLES.items():
        if table.model is not Session:
            things = table.model._default_manager.filter(in_environment)
            yield f"{kind}s", _by_ids(things, table.id_column, noted_ids(erasure, kind))
    for model in SINGLE_ROWS:
        stored: QuerySet[Any] = model._default_manager.filter(in_environment)
        name = str(model._meta.verbose_name_plural).replace(" ", "_")
        if erasure.kind == SubjectKind.RUN and model is not DraftCreation:
            sessions = links_of(erasure, LinkKind.RUN)
            yield name, _by_ids(stored.filter(Q(run_id=erasure.working_id)), "session_id", sessions)
        else:
            yield name, _by_ids(stored, "session_id", noted_ids(erasure, WHOLE))
    decided_in = links_of(erasure, LinkKind.APPROVER) - noted_ids(erasure, WHOLE)
    decisions = ApprovalDecision.objects.filter(in_environment, approver_hash=erasure.working_id)
    yield "approval_decisions_in_sessions_of_others", _by_ids(decisions, "session_id", decided_in)


def links_of(erasure: Erasure, kind: LinkKind) -> set[str]:
    """The sessions that named the subject as this kind."""
    links = SessionLink.objects.filter(
        environment=erasure.environment_id, kind=kind, thing_id=erasure.working_id
    )
    return set(links.values_list("session_id", flat=True))


def _by_ids(rows: QuerySet[Any], column: str, ids: set[str]) -> Iterator[Model]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), IDS_PER_QUERY):
        yield from rows.filter(**{f"{column}__in": ordered[start : start + IDS_PER_QUERY]}).order_by("pk")
