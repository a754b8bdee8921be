"""Links of what was folded before there were links: from the raw events that are kept, and from the things."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Kind of link, the property that names it, and the events that link it (empty: all that name it).
FROM_EVENTS = (
    ("draft", "draftId", "%workbench.%"),
    ("run", "runId", "%"),
    ("agent_run", "agentRunId", "agent.%"),
    ("user", "userId", "workbench.session_%"),
    ("approver", "approverId", "workbench.approval_completed"),
)
# Kind of link, table, and the columns of the thing and its session.
FROM_THINGS = (
    ("user", "workbench_session", "user_hash", "session_id"),
    ("draft", "workbench_draft", "draft_id", "accepted_session_id"),
    ("draft", "workbench_workflowrun", "draft_id", "session_id"),
    ("run", "workbench_workflowrun", "run_id", "session_id"),
    ("run", "workbench_agentrun", "run_id", "session_id"),
    ("run", "workbench_approvalrequest", "run_id", "session_id"),
    ("run", "workbench_approvaldecision", "run_id", "session_id"),
    ("agent_run", "workbench_agentrun", "agent_run_id", "session_id"),
    ("approver", "workbench_approvaldecision", "approver_hash", "session_id"),
)


def fill_links(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    with schema_editor.connection.cursor() as cursor:
        for kind, name, events in FROM_EVENTS:
            thing = f"(properties->>'{name}')" if is_postgresql else f"json_extract(properties, '$.{name}')"
            cursor.execute(
                f"""
INSERT INTO workbench_sessionlink (environment, kind, thing_id, session_id)
SELECT DISTINCT environment, '{kind}', {thing}, session_id
FROM telemetry_rawevent WHERE event LIKE %s AND {thing} IS NOT NULL
ON CONFLICT DO NOTHING""",  # noqa: S608
                [events],
            )
        for kind, table, thing, session in FROM_THINGS:
            cursor.execute(
                f"""
INSERT INTO workbench_sessionlink (environment, kind, thing_id, session_id)
SELECT DISTINCT environment, '{kind}', {thing}, {session}
FROM {table} WHERE {thing} <> '' AND {session} <> ''
ON CONFLICT DO NOTHING"""  # noqa: S608
            )


class Migration(migrations.Migration):
    dependencies = [
        ("telemetry", "0009_erase_subjects"),
        ("workbench", "0002_link_sessions_to_things"),
    ]

    operations = [migrations.RunPython(fill_links, migrations.RunPython.noop, elidable=True)]
