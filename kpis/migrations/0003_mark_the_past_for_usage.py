from typing import Any

from django.db import migrations


def mark_buckets(apps: Any, schema_editor: Any) -> None:
    """Asks the rollup to compute every bucket that has rows, so that the new table gets its past.

    It is computed from the things, as any bucket that a late event touches; buckets whose things are gone are left out.
    """
    base = apps.get_model("kpis", "KpiBucket").objects.filter(granularity="base")
    touched = apps.get_model("workbench", "TouchedBucket")
    places = base.values_list("environment", "period_start").distinct()
    touched.objects.bulk_create(
        (touched(environment=environment, bucket_start=start) for environment, start in places),
        batch_size=2000,
    )


class Migration(migrations.Migration):
    dependencies = [("kpis", "0002_keep_what_agents_used"), ("workbench", "0005_add_model_calls_and_retries")]

    operations = [migrations.RunPython(mark_buckets, migrations.RunPython.noop, elidable=True)]
