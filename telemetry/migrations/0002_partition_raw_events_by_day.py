"""On PostgreSQL the raw events are partitioned by the UTC day of the event, so that pruning drops partitions."""

from django.db import migrations

PARTITION = [
    "ALTER TABLE telemetry_rawevent RENAME TO telemetry_rawevent_plain",
    """CREATE TABLE telemetry_rawevent (
        LIKE telemetry_rawevent_plain,
        CONSTRAINT telemetry_rawevent_key PRIMARY KEY (day, event_key)
    ) PARTITION BY RANGE (day)""",
    "DROP TABLE telemetry_rawevent_plain",
    # Catches what a missed partition would lose.
    "CREATE TABLE telemetry_rawevent_default PARTITION OF telemetry_rawevent DEFAULT",
    "CREATE INDEX raw_event_arrival ON telemetry_rawevent (arrival_id)",
]

PLAIN = [
    "ALTER TABLE telemetry_rawevent RENAME TO telemetry_rawevent_partitioned",
    """CREATE TABLE telemetry_rawevent (
        LIKE telemetry_rawevent_partitioned,
        CONSTRAINT telemetry_rawevent_pkey PRIMARY KEY (event_key)
    )""",
    "INSERT INTO telemetry_rawevent SELECT * FROM telemetry_rawevent_partitioned",
    "DROP TABLE telemetry_rawevent_partitioned",
    "CREATE INDEX raw_event_arrival ON telemetry_rawevent (arrival_id)",
]


def run(schema_editor, statements):
    if schema_editor.connection.vendor == "postgresql":
        for statement in statements:
            schema_editor.execute(statement)


def partition(apps, schema_editor):
    run(schema_editor, PARTITION)


def unpartition(apps, schema_editor):
    run(schema_editor, PLAIN)


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_initial")]
    operations = [migrations.RunPython(partition, unpartition)]
