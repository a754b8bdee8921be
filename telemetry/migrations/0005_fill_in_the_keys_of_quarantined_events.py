"""The key of an event that was rejected before is the one of its post."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill_in(apps, schema_editor):
    posts = apps.get_model("telemetry", "Arrival").objects.filter(pk=OuterRef("arrival_id"))
    events = apps.get_model("telemetry", "QuarantinedEvent").objects.filter(key=None)
    events.update(key=Subquery(posts.values("key")[:1]))


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0004_name_the_key_of_a_quarantined_event")]
    operations = [migrations.RunPython(fill_in, migrations.RunPython.noop)]
