from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0002_partition_raw_events_by_day")]
    # Only the text for people changes: no database is touched.
    operations = [
        migrations.AlterField(
            model_name="rawevent",
            name="day",
            field=models.DateField(help_text="UTC day of the timestamp as sent, if that is near"),
        ),
    ]
