"""How far the sessions of before came in the funnel, by what is stored of them.

A step whose earliest event lies before the step ahead of it is not taken: what came after that event is not stored. The
sources and templates of a session are those of the drafts that it is linked with, if it created any.

In steps, each with the fold's locks, so that it may go on while the portal runs.
"""

import json
from datetime import datetime
from typing import Any

from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_PER_STEP = 1000
# Number of a step, where the session has its earliest event, and where the moment at which it took the step.
STEPS = (
    (2, "draft_created_at", "funnel_created_at"),
    (3, "draft_accepted_at", "funnel_accepted_at"),
    (4, "run_started_at", "funnel_run_started_at"),
    (5, "run_completed_at", "funnel_run_completed_at"),
)
FILLED = (*(column for _, _, column in STEPS), "funnel_steps", "draft_sources", "template_used_at")


def place_sessions(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    sessions = apps.get_model("workbench", "Session").objects
    environments = apps.get_model("telemetry", "Environment").objects.order_by("name")
    after = 0
    while keys := list(sessions.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:ROWS_PER_STEP]):
        with transaction.atomic():
            names = set(sessions.filter(pk__in=keys).values_list("environment", flat=True))
            list(environments.select_for_update(no_key=True).filter(name__in=names))
            # What the fold of this release has placed meanwhile stays.
            place(apps, list(sessions.filter(pk__in=keys, funnel_steps=0)))
        after = keys[-1]


def place(apps: Any, sessions: list[Any]) -> None:
    early_step = apps.get_model("workbench", "EarlyStep")
    early: list[Any] = []
    for session in sessions:
        early += [
            early_step(environment=session.environment, session_id=session.session_id, step=step, happened_at=moment)
            for step, moment in take_steps(session)
        ]
    use_drafts(apps, {(session.environment, session.session_id): session for session in sessions})
    early_step.objects.bulk_create(early, ignore_conflicts=True)
    if sessions:
        type(sessions[0]).objects.bulk_update(sessions, FILLED, batch_size=100)


def take_steps(session: Any) -> list[tuple[int, datetime]]:
    """Sets how far the session came; returns the steps that it has events of and has not taken."""
    last, early = session.started_at, []
    session.funnel_steps = 0 if last is None else 1
    for step, earliest, taken in STEPS:
        moment = getattr(session, earliest)
        if last is not None and moment is not None and moment >= last:
            setattr(session, taken, moment)
            session.funnel_steps = step
            last = moment
        else:
            last = None
            if moment is not None:
                early.append((step, moment))
    return early


def use_drafts(apps: Any, sessions: dict[tuple[str, str], Any]) -> None:
    created = {key: session for key, session in sessions.items() if session.draft_created_at is not None}
    ids = {session_id for _, session_id in created}
    sources: dict[tuple[str, str], set[str]] = {key: set() for key in created}
    links = apps.get_model("workbench", "SessionLink").objects.filter(session_id__in=ids, kind="draft")
    of_draft: dict[tuple[str, str], list[Any]] = {}
    for environment, session_id, draft_id in links.values_list("environment", "session_id", "thing_id"):
        if (environment, session_id) in created:
            of_draft.setdefault((environment, draft_id), []).append((environment, session_id))
    drafts = apps.get_model("workbench", "Draft").objects.filter(draft_id__in={draft_id for _, draft_id in of_draft})
    for draft in drafts:
        for key in of_draft.get((draft.environment, draft.draft_id), ()):
            sources[key].add(draft.source)
            moments = [draft.template_inserted_at]
            if draft.has_template_source:
                moments += [draft.created_at, draft.accepted_at]
            known = [moment for moment in (*moments, created[key].template_used_at) if moment is not None]
            created[key].template_used_at = min(known, default=None)
    creations = apps.get_model("workbench", "DraftCreation").objects.filter(session_id__in=ids)
    for environment, session_id, source, moment in creations.values_list(
        "environment", "session_id", "source", "created_at"
    ):
        if (environment, session_id) in created:
            sources[environment, session_id].add(source)
            if source == "template":
                session = created[environment, session_id]
                session.template_used_at = min(filter(None, (session.template_used_at, moment)))
    for key, session in created.items():
        named = sorted(sources[key] - {""})
        session.draft_sources = json.dumps(named) if named else ""


class Migration(migrations.Migration):
    # Each step commits.
    atomic = False

    dependencies = [
        ("telemetry", "0014_link_spans_of_no_role"),
        ("workbench", "0011_index_sessions_by_their_last_step"),
    ]

    operations = [migrations.RunPython(place_sessions, migrations.RunPython.noop, elidable=True)]
