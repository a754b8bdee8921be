import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', "0006_rotate_keys_group_rejections_and_send_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='environment',
            name='things_kept_from',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='ledgerhour',
            name='is_day',
            field=models.BooleanField(db_default=False, help_text='Retention summed up the whole UTC day'),
        ),
        migrations.CreateModel(
            name='RetentionHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(blank=True, default='', help_text='Empty: every environment', max_length=64)),
                ('first_day', models.DateField(blank=True, help_text='UTC. Empty: from the beginning', null=True)),
                ('last_day', models.DateField(blank=True, help_text='UTC, included. Empty: without end', null=True)),
                ('reason', models.TextField()),
                ('until', models.DateField(blank=True, help_text='Last day of the hold. Empty: until it is deleted', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('set_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RetentionRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('requested_by', models.CharField(max_length=150)),
                ('started_at', models.DateTimeField()),
                ('stepped_at', models.DateTimeField(help_text='When its newest step ended')),
                ('finished_at', models.DateTimeField(null=True)),
                ('status', models.CharField(choices=[('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed')], default='running', max_length=16)),
                ('today', models.DateField(help_text='The UTC day that its policies count back from')),
                ('environment', models.CharField(blank=True, max_length=64)),
                ('before', models.DateField(help_text='Once, in place of the policies', null=True)),
                ('subjects', models.JSONField(default=list, help_text='The subjects that are still to be done')),
                ('position', models.CharField(blank=True, help_text='Where the first of these stands', max_length=64)),
                ('rows', models.BigIntegerField(default=0)),
                ('bytes', models.BigIntegerField(default=0)),
                ('steps', models.PositiveIntegerField(default=0)),
                ('resumed', models.PositiveIntegerField(default=0, help_text='Times that it went on after a break')),
                ('fault', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'running')), fields=('status',), name='retention_run_one_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='TableSize',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('table', models.CharField(help_text='Partitions count as their table', max_length=64)),
                ('bytes', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'table'), name='table_size_unique')],
            },
        ),
        migrations.CreateModel(
            name='RetentionPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(choices=[('raw_events', 'Raw events'), ('quarantine', 'Quarantine'), ('arrivals', 'Arrivals'), ('ledger', 'Ledger: hours, summed into days'), ('things', 'Sessions, drafts, runs, approvals'), ('audit', 'Audit entries')], max_length=16)),
                ('environment', models.CharField(blank=True, default='', help_text='Empty: every environment', max_length=64)),
                ('event_pattern', models.CharField(blank=True, default='', help_text='Raw events only: a name, or its beginning and a star, like workbench.chat*. Empty: every event', max_length=64)),
                ('keep_days', models.PositiveIntegerField(help_text='UTC days to keep, today not counted')),
                ('note', models.TextField(blank=True)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('set_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'retention policies',
                'constraints': [models.UniqueConstraint(fields=('subject', 'environment', 'event_pattern'), name='retention_policy_unique')],
            },
        ),
        migrations.CreateModel(
            name='RetentionReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(choices=[('raw_events', 'Raw events'), ('quarantine', 'Quarantine'), ('arrivals', 'Arrivals'), ('ledger', 'Ledger: hours, summed into days'), ('things', 'Sessions, drafts, runs, approvals'), ('audit', 'Audit entries')], max_length=16)),
                ('environment', models.CharField(max_length=64)),
                ('event', models.CharField(help_text="An event's name, or a table's", max_length=64)),
                ('day', models.DateField()),
                ('rows', models.BigIntegerField()),
                ('bytes', models.BigIntegerField()),
                ('seconds', models.FloatField()),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='telemetry.retentionrun')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'subject', 'day', 'environment', 'event'), name='retention_report_unique')],
            },
        ),
    ]
