import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0003_say_which_day_a_raw_event_is_stored_under")]
    operations = [
        migrations.AddField(
            model_name="quarantinedevent",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="telemetry.apikey",
            ),
        ),
        migrations.AddIndex(
            model_name="quarantinedevent",
            index=models.Index(
                fields=["key", "-received_at", "-arrival_id", "position"], name="quarantine_by_key"
            ),
        ),
        migrations.AddIndex(
            model_name="quarantinedevent",
            index=models.Index(
                fields=["key", "event", "-received_at", "-arrival_id", "position"],
                name="quarantine_by_key_and_event",
            ),
        ),
    ]
