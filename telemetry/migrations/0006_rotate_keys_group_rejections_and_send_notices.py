
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', '0005_fill_in_the_keys_of_quarantined_events'),
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('topic', models.CharField(max_length=32)),
                ('subject', models.CharField(help_text='What the incident is about, the same each time', max_length=300)),
                ('title', models.CharField(max_length=300)),
                ('text', models.TextField()),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('mailed_at', models.DateTimeField(null=True)),
                ('posted_at', models.DateTimeField(help_text='To the chat', null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField()),
                ('fault', models.CharField(db_default='', default='', help_text='Why the last attempt failed', max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='QuarantineJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('work', models.CharField(choices=[('replay', 'Replay'), ('delete', 'Delete')], max_length=16)),
                ('selection', models.JSONField()),
                ('requested_by', models.CharField(help_text='The name of the account, or of the command', max_length=150)),
                ('created_at', models.DateTimeField()),
                ('last_id', models.BigIntegerField()),
                ('expected', models.BigIntegerField(default=0, help_text='Events of the selection; counted up to a million')),
                ('done_id', models.BigIntegerField(default=0)),
                ('finished_at', models.DateTimeField(null=True)),
                ('examined', models.BigIntegerField(default=0)),
                ('accepted', models.BigIntegerField(default=0)),
                ('duplicates', models.BigIntegerField(default=0)),
                ('rejected', models.BigIntegerField(default=0)),
                ('not_kept', models.BigIntegerField(default=0, help_text="Events that can't be replayed: a value was not kept")),
                ('deleted', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'replay or removal',
                'verbose_name_plural': 'replays and removals',
            },
        ),
        migrations.CreateModel(
            name='RejectionGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(max_length=64)),
                ('source', models.CharField(max_length=64)),
                ('code', models.CharField(max_length=32)),
                ('event', models.CharField(max_length=64)),
                ('client', models.CharField(max_length=64)),
                ('events', models.BigIntegerField()),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'group of rejections',
                'verbose_name_plural': 'rejections',
            },
        ),
        migrations.CreateModel(
            name='RejectionHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(max_length=64)),
                ('source', models.CharField(max_length=64)),
                ('code', models.CharField(max_length=32)),
                ('event', models.CharField(max_length=64)),
                ('hour', models.DateTimeField(help_text='Start of the hour of received_at')),
                ('events', models.BigIntegerField()),
            ],
            options={
                'verbose_name': 'hour of rejections',
                'verbose_name_plural': 'rejections by hour',
            },
        ),
        migrations.AddField(
            model_name='apikey',
            name='allowed_events',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='apikey',
            name='first_used_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='last_used_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='apikey',
            name='notes',
            field=models.TextField(blank=True, db_default='', default='', max_length=2000),
        ),
        migrations.AddField(
            model_name='apikey',
            name='successor',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='predecessor', to='telemetry.apikey'),
        ),
        migrations.AddField(
            model_name='arrival',
            name='client',
            field=models.CharField(db_default='', default='', help_text='What sent it: name/version', max_length=64),
        ),
        migrations.AddField(
            model_name='arrival',
            name='rejected_kinds',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='quarantinedevent',
            name='client',
            field=models.CharField(db_default='', default='', help_text='What sent it: name/version', max_length=64),
        ),
        migrations.AddField(
            model_name='quarantinedevent',
            name='delivery',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='quarantinedevent',
            name='is_whole',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='quarantinedevent',
            name='outcome',
            field=models.CharField(db_default='', default='', help_text='What the replay made of it: accepted or duplicate', max_length=16),
        ),
        migrations.AddField(
            model_name='quarantinedevent',
            name='replayed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='quarantinedevent',
            index=models.Index(condition=models.Q(('replayed_at__isnull', True)), fields=['environment', 'code', 'event', 'source', 'client', 'id'], name='quarantine_waiting'),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('done_at__isnull', True)), fields=['next_attempt_at'], name='notice_due'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('topic', 'subject'), name='notice_open'),
        ),
        migrations.AddIndex(
            model_name='quarantinejob',
            index=models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['id'], name='quarantine_job_open'),
        ),
        migrations.AddIndex(
            model_name='rejectiongroup',
            index=models.Index(fields=['-last_seen_at', '-id'], name='rejection_group_seen'),
        ),
        migrations.AddConstraint(
            model_name='rejectiongroup',
            constraint=models.UniqueConstraint(fields=('environment', 'source', 'code', 'event', 'client'), name='rejection_group_unique'),
        ),
        migrations.AddConstraint(
            model_name='rejectionhour',
            constraint=models.UniqueConstraint(fields=('hour', 'environment', 'source', 'code', 'event'), name='rejection_hour_unique'),
        ),
    ]
