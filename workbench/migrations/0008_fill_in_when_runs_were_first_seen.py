from django.db import migrations
from django.db.models import F
from django.db.models.functions import Coalesce


def fill(apps, schema_editor):
    """Runs from before the column came: without a first moment no list shows them. Safe to repeat."""
    runs = apps.get_model("workbench", "WorkflowRun").objects
    runs.filter(first_seen_at=None).update(
        first_seen_at=Coalesce("started_at", "completed_at"), last_seen_at=Coalesce("completed_at", F("started_at"))
    )


class Migration(migrations.Migration):

    dependencies = [
        ('workbench', '0007_index_runs_for_their_monitor'),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
