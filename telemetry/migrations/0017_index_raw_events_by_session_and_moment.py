"""The events of a session in order, and those that only counts know in a range. Both indexes leave most events out.

A partitioned table takes no concurrent index: each partition gets its own, which is then attached to the table's.
"""

from django.db import migrations

TABLE = "telemetry_rawevent"
# (name, columns and condition, as in workbench/raw_events.py)
INDEXES = (
    ("raw_event_session", "(session_id, occurred_at) WHERE substr(event, 1, 10) = 'workbench.'"),
    (
        "raw_event_counted",
        "(occurred_at, environment) WHERE event IN"
        " ('workbench.chat_message_sent', 'workbench.template_suggested', 'workflow.created')",
    ),
)
# Partitions that have no index of theirs attached to the table's.
PARTITIONS = """
SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = %s::regclass AND NOT EXISTS (
    SELECT 1 FROM pg_inherits attached JOIN pg_index own ON own.indexrelid = attached.inhrelid
    WHERE attached.inhparent = %s::regclass AND own.indrelid = child.oid
)"""


def create_indexes(apps, schema_editor):
    for name, definition in INDEXES:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"CREATE INDEX {name} ON {TABLE} {definition}")
        else:
            index_partitions(schema_editor, name, definition)


def index_partitions(schema_editor, name, definition):
    # Safe to repeat: what a failed attempt left is taken on or made again.
    schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {TABLE} {definition}")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(PARTITIONS, [TABLE, name])
        partitions = [row[0] for row in cursor.fetchall()]
    for partition in partitions:
        own = f"{partition}_{name.removeprefix('raw_event_')}"
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")
        schema_editor.execute(f"CREATE INDEX CONCURRENTLY {own} ON {partition} {definition}")
        schema_editor.execute(f"ALTER INDEX {name} ATTACH PARTITION {own}")


def drop_indexes(apps, schema_editor):
    for name, _ in INDEXES:
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("telemetry", "0016_count_what_clients_sent")]
    operations = [migrations.RunPython(create_indexes, drop_indexes)]
