"""Retention reads one UTC day at a time, and the admin lists one. PostgreSQL has a partition for each day."""

from django.db import migrations


def create_index(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("CREATE INDEX raw_event_day ON telemetry_rawevent (day, arrival_id)")


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP INDEX raw_event_day")


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0007_retention_policies_holds_runs_and_reports")]
    operations = [migrations.RunPython(create_index, drop_index)]
