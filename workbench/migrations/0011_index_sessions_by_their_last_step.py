from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, migrations, models

Add = AddIndexConcurrently if connection.vendor == "postgresql" else migrations.AddIndex


class Migration(migrations.Migration):
    # A concurrent index can't be made in a transaction.
    atomic = False

    dependencies = [
        ('workbench', '0010_follow_sessions_through_the_funnel'),
    ]

    operations = [
        Add(
            model_name='session',
            index=models.Index(fields=['funnel_steps', 'environment', 'started_at', 'id'], include=('draft_sources', 'template_used_at'), name='session_funnel'),
        ),
    ]
