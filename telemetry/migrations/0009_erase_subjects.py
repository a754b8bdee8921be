import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('telemetry', "0008_index_raw_events_by_day_on_sqlite"),
    ]

    operations = [
        migrations.CreateModel(
            name='ErasedEvents',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(max_length=64)),
                ('event', models.CharField(max_length=64)),
                ('day', models.DateField(help_text='As RawEvent.day')),
                ('events', models.BigIntegerField()),
            ],
            options={
                'verbose_name_plural': 'erased events',
            },
        ),
        migrations.CreateModel(
            name='ErasedSubject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(max_length=64)),
                ('kind', models.CharField(choices=[('user', 'User'), ('session', 'Session'), ('draft', 'Draft'), ('run', 'Run')], max_length=16)),
                ('digest', models.CharField(max_length=32)),
                ('later_events', models.CharField(choices=[('refuse', 'Refuse them'), ('erase', 'Accept them, and erase them before they count')], max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('user', 'User'), ('session', 'Session'), ('draft', 'Draft'), ('run', 'Run')], max_length=16)),
                ('digest', models.CharField(max_length=32)),
                ('working_id', models.CharField(blank=True, editable=False, max_length=128)),
                ('mode', models.CharField(choices=[('remove', 'Remove, and compute the KPIs again'), ('keep', 'Keep the KPIs as they are, without names')], default='remove', max_length=16)),
                ('later_events', models.CharField(choices=[('refuse', 'Refuse them'), ('erase', 'Accept them, and erase them before they count')], default='refuse', max_length=16)),
                ('state', models.CharField(choices=[('previewing', 'Counting what would go'), ('previewed', 'Waits for confirmation'), ('waiting', 'Confirmed'), ('events', 'Erasing events'), ('things', 'Erasing what was made of them'), ('rest', 'Merging what others sent'), ('pairs', 'Pairing again'), ('quarantine', 'Erasing rejected events'), ('done', 'Done'), ('failed', 'Stopped after errors')], default='previewing', max_length=16)),
                ('position', models.JSONField(default=dict, editable=False)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('requested_by', models.CharField(max_length=150)),
                ('requested_at', models.DateTimeField()),
                ('not_before', models.DateTimeField(editable=False)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('preview', models.JSONField(default=dict)),
                ('receipt', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='ErasureThing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=16)),
                ('thing_id', models.CharField(max_length=128)),
                ('replacement', models.CharField(db_default='', max_length=40)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='apikey',
            name='api_key_scope_known',
        ),
        migrations.AlterField(
            model_name='apikey',
            name='scope',
            field=models.CharField(choices=[('ingest', 'Ingest: post events'), ('read', 'Read: KPIs and runs'), ('metrics', 'Metrics: scrape'), ('admin', 'Admin: erase and export subjects')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('scope__in', ['ingest', 'read', 'metrics', 'admin'])), name='api_key_scope_known'),
        ),
        migrations.AddConstraint(
            model_name='erasedevents',
            constraint=models.UniqueConstraint(fields=('day', 'event', 'environment'), name='erased_events_unique'),
        ),
        migrations.AddConstraint(
            model_name='erasedsubject',
            constraint=models.UniqueConstraint(fields=('digest', 'kind', 'environment'), name='erased_subject_unique'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='environment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='telemetry.environment'),
        ),
        migrations.AddField(
            model_name='erasurething',
            name='erasure',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='things', to='telemetry.erasure'),
        ),
        migrations.AddConstraint(
            model_name='erasurething',
            constraint=models.UniqueConstraint(fields=('erasure', 'kind', 'thing_id'), name='erasure_thing_unique'),
        ),
    ]
