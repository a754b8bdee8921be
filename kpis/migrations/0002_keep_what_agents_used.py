from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kpis', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='freshness',
            name='has_usage',
            field=models.BooleanField(db_default=False, help_text='The buckets from before usage was kept are computed or marked'),
        ),
        migrations.CreateModel(
            name='UsageBucket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(max_length=64)),
                ('granularity', models.CharField(choices=[('base', '15 minutes (UTC)'), ('day', 'Day (reporting zone)')], max_length=8)),
                ('period_start', models.DateTimeField()),
                ('workflow', models.CharField(max_length=200)),
                ('agent', models.CharField(default='', max_length=200)),
                ('model', models.CharField(default='', max_length=200)),
                ('agent_runs', models.BigIntegerField(default=0, help_text='Those that ended, cancelled ones included')),
                ('retries', models.BigIntegerField(default=0, help_text='Those of them that were no first attempt')),
                ('calls', models.BigIntegerField(default=0, help_text='Model calls')),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('cost_micro_usd', models.BigIntegerField(default=0, help_text='Reported')),
                ('estimated_micro_usd', models.BigIntegerField(default=0, help_text='Of runs without a reported cost')),
                ('histogram', models.JSONField(default=dict)),
                ('error_types', models.JSONField(default=dict)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('environment', 'granularity', 'period_start', 'workflow', 'agent', 'model'), name='usage_bucket_unique')],
            },
        ),
    ]
